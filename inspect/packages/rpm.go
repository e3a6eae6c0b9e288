package packages

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// There are libraries for databases of rpm. They take the path of a file, and for
// SQLite's a whole database engine, of 5 MB and more. What is asked of the database
// here is one table from its first to its last row.

// rpms finds the packages in the databases of rpm.
func (f *finding) rpms() error {
	for i := range f.records.rpms {
		r := &f.records.rpms[i]
		content, ok, err := f.content(r)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if f.records.rpmLogs[r.path] {
			f.note(r.path+"-wal", "what the database holds in this log was not read")
		}
		if err := f.rpmsOf(content, r); err != nil {
			f.note(r.path, err.Error())
		}
	}
	return f.ctx.Err()
}

var (
	errRPMKind   = errors.New("it is no database of rpm of a known kind")
	errRPMDamage = errors.New("the database is damaged: not all packages were found")
)

// rpmsOf adds the packages of one database, up to where it is damaged.
func (f *finding) rpmsOf(db []byte, r *record) error {
	read := rpmReader(db)
	if read == nil {
		return errRPMKind
	}
	bad, left := 0, len(db)
	err := read(db, func(blob []byte) bool {
		if left -= len(blob); left < 0 { // in a sound one no two overlap
			bad++
			return false
		}
		h, ok := parseRPMHeader(blob)
		if !ok || h.name() == "" {
			bad++
			return f.ctx.Err() == nil
		}
		i := f.add(Package{Kind: RPM, Name: h.name(), Version: h.version(), Arch: h.text(rpmArch), Layer: int(r.layer) + 1})
		if f.wanted(i) {
			for path := range h.files() {
				if !f.own(i, path) {
					break
				}
			}
		}
		return f.ctx.Err() == nil
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d packages in it cannot be read", bad)
	}
	return err
}

// rpmReader gives what reads a database of its kind: it calls yield with the header
// of each package, valid until yield returns, until that returns false.
func rpmReader(db []byte) func(db []byte, yield func([]byte) bool) error {
	switch {
	case bytes.HasPrefix(db, []byte(sqliteMagic)):
		return readSQLite
	case bytes.HasPrefix(db, []byte(ndbMagic)):
		return readNDB
	case isBDB(db):
		return readBDB
	}
	return nil
}

func (h *rpmHeader) name() string { return h.text(rpmName) }

// version is [epoch:]version-release.
func (h *rpmHeader) version() string {
	v := h.text(rpmVersion)
	if release := h.text(rpmRelease); release != "" {
		v += "-" + release
	}
	if epoch := h.number(rpmEpoch, 0); epoch != 0 {
		v = strconv.FormatUint(uint64(epoch), 10) + ":" + v
	}
	return v
}

// files yields the clean paths of the package's files and directories. It leaves out
// those that were not installed, and those that belong to another package now.
func (h *rpmHeader) files() func(func(string) bool) {
	return func(yield func(string) bool) {
		states := h.tags[rpmFileStates].data
		i := 0
		each := func(path string) bool {
			normal := i >= len(states) || states[i] == 0
			i++
			return !normal || yield(cleanPath(path))
		}
		for path := range h.strings(rpmOldFileNames) {
			if !each(path) {
				return
			}
		}
		var dirs []string
		for dir := range h.strings(rpmDirNames) {
			if len(dirs) == maxPaths {
				return
			}
			dirs = append(dirs, dir)
		}
		for base := range h.strings(rpmBaseNames) {
			if dir := h.number(rpmDirIndexes, i); int64(dir) < int64(len(dirs)) && len(dirs[dir])+len(base) <= maxPath {
				base = strings.TrimSuffix(dirs[dir], "/") + "/" + base
			}
			if !each(base) {
				return
			}
		}
	}
}

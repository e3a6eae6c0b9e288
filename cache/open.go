package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ociVersion   = "1.0.0"
	storeVersion = 1
)

// Store is an open store. It is safe for concurrent use.
type Store struct {
	dir      string
	options  Options
	talk     talk
	readOnly error // why nothing can be written; nil if it can

	// A goroutine that holds a slot never waits for a lock, only for its own work.
	downloads, passes slots

	scratchMu    sync.Mutex
	scratch      string // in the store; "" until it is needed
	scratchLease *lease
	outside      string // in os.TempDir(); "" until it is needed

	stall time.Duration           // after which a silent download is taken up anew
	pause func(int) time.Duration // before the n-th attempt in a row that brings nothing
}

// Open opens the store in dir and makes it if it is not there. A store that cannot
// be written, because of the disk or because it belongs to another user, is opened
// for reading: what would write returns an *AccessError. A directory that holds
// something else is a *ForeignError, a store of a later kind a *VersionError.
func Open(dir string, o Options) (*Store, error) {
	if dir == "" {
		return nil, &AccessError{Dir: dir, Err: errors.New("no directory given and no home directory known")}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &AccessError{Dir: dir, Err: err}
	}
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = min(max(runtime.NumCPU(), 2), 4) // memory grows with each, and few layers are large
	}
	s := &Store{
		dir: abs, options: o,
		downloads: newSlots(jobs), passes: newSlots(jobs),
		stall: time.Minute, pause: backoff,
	}
	s.talk.progress, s.talk.waiting = o.Progress, o.Waiting
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// Dir returns the store's directory, as an absolute path.
func (s *Store) Dir() string { return s.dir }

// Writable returns nil, or an *AccessError that says why the store can only be read.
func (s *Store) Writable() error { return s.readOnly }

// Close removes the scratch directory. Images and files that were opened stay usable.
func (s *Store) Close() error { return s.dropScratch() }

// errLooking is why nothing is written to a store that was opened to look only.
var errLooking = errors.New("it was opened to be looked at only")

// look is prepare for those who write nothing.
func (s *Store) look() error {
	s.readOnly = &AccessError{Dir: s.dir, Err: errLooking}
	found, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	isStore, other := recognise(found)
	switch {
	case !isStore && other != "":
		return &ForeignError{Dir: s.dir, Found: other}
	case isStore:
		return s.checkVersions()
	}
	return nil
}

func (s *Store) prepare() error {
	if s.options.ReadOnly {
		return s.look()
	}
	err := os.MkdirAll(s.dir, 0o700)
	if err != nil {
		if fi, e := os.Stat(s.dir); e != nil || !fi.IsDir() {
			return &AccessError{Dir: s.dir, Err: err}
		}
	}
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	isStore, other := recognise(found)
	if !isStore && other != "" {
		return &ForeignError{Dir: s.dir, Found: other}
	}
	s.readOnly = s.checkWritable()
	if isStore {
		if err := s.checkVersions(); err != nil {
			return err
		}
	}
	if s.readOnly == nil {
		return s.writing(s.layOut(isStore))
	}
	if !isStore {
		return s.readOnly
	}
	return nil
}

// recognise tells a store by its oci-layout, which is the first file that is made,
// and else names a file that somebody else must have put there.
func recognise(found []fs.DirEntry) (isStore bool, other string) {
	for _, e := range found {
		switch name := e.Name(); {
		case name == layoutFile:
			return true, ""
		case name == "lost+found", strings.HasPrefix(name, initPrefix):
		case other == "":
			other = name
		}
	}
	return false, other
}

func (s *Store) checkWritable() error {
	fi, err := os.Stat(s.dir)
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	// Root could write to anybody's store, but its owner could then not remove it.
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return &AccessError{Dir: s.dir, Err: fmt.Errorf("it belongs to user %d and can only be read", st.Uid)}
	}
	if err := unix.Faccessat(unix.AT_FDCWD, s.dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &AccessError{Dir: s.dir, Err: fmt.Errorf("it can only be read: %w", err)}
	}
	return nil
}

func (s *Store) checkVersions() error {
	data, err := os.ReadFile(s.path(layoutFile))
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	var layout struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(data, &layout); err != nil {
		return &IndexError{Path: s.path(layoutFile), Err: err}
	}
	if layout.Version != ociVersion {
		return &VersionError{Dir: s.dir, Version: strconv.Quote(layout.Version)}
	}
	data, err = os.ReadFile(s.path(versionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // an OCI layout that another tool made, or a store in the making
	}
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	text := strings.TrimSpace(string(data))
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > storeVersion {
		return &VersionError{Dir: s.dir, Version: strconv.Quote(text)}
	}
	return nil
}

// layOut makes what is missing. It may be killed anywhere, and other processes
// may do the same at the same time.
func (s *Store) layOut(isStore bool) error {
	if !isStore {
		if err := s.initFile(layoutFile, `{"imageLayoutVersion":"`+ociVersion+`"}`); err != nil {
			return err
		}
	}
	for _, dir := range storeDirs {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	if err := errors.Join(s.initLocks(), s.initIndex()); err != nil {
		return err
	}
	return s.initFile(versionFile, strconv.Itoa(storeVersion)+"\n")
}

// initIndex makes the file of names. The lock keeps it from replacing one that
// another process has made and already written to.
func (s *Store) initIndex() error {
	if _, err := os.Lstat(s.path(indexFile)); err == nil {
		return nil
	}
	l, err := s.lock(context.Background(), indexLock, exclusive)
	if err != nil {
		return err
	}
	defer l.unlock()
	return s.initFile(indexFile, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
}

// initFile makes a file that is not there, whole or not at all. A sweep may take the
// temporary file for that of a dead process: then it is made again.
func (s *Store) initFile(name, content string) error {
	for {
		if _, err := os.Lstat(s.path(name)); err == nil {
			return nil
		}
		err := s.tryInitFile(name, content)
		if _, gone := os.Lstat(s.dir); gone != nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func (s *Store) tryInitFile(name, content string) error {
	f, err := os.CreateTemp(s.dir, initPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path(name))
	}
	if err != nil {
		return errors.Join(err, ignoreGone(os.Remove(f.Name())))
	}
	return syncDir(s.dir)
}

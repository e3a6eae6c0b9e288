package layer

import (
	"archive/tar"
	"bytes"
	"compress/bzip2"
	"encoding/base64"
	"errors"
	"fmt"
	"go/build"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tarEntry is an entry in a form that can be compared and printed.
type tarEntry struct {
	Name, Link   string
	Type         byte
	Mode         int64
	UID, GID     int64
	Size         int64
	ModTime      Time
	Major, Minor int64
	Xattrs       string
	Content      string
}

// readTar reads the entries of which header and content are whole, and the error
// that ended it, nil at the end.
func readTar(r *Reader) (list []tarEntry, err error) {
	for {
		h, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		e := tarEntry{
			Name: string(h.Name), Link: string(h.Link), Type: h.Type, Mode: h.Mode, UID: h.UID, GID: h.GID,
			Size: h.Size, ModTime: h.ModTime, Major: h.Major, Minor: h.Minor, Xattrs: fmt.Sprintf("%q", h.Xattrs),
		}
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil {
			return list, err
		}
		e.Content = b.String()
		list = append(list, e)
	}
}

// errHuge is why an archive is not read further by archive/tar, which would give
// all the holes of a file of gigabytes.
var errHuge = errors.New("a huge file")

// readGoTar is readTar by archive/tar, but for what the Reader does otherwise on
// purpose: global headers are passed over.
func readGoTar(data []byte, most int) (list []tarEntry, err error) {
	r := tar.NewReader(bytes.NewReader(data))
	for len(list) < most {
		h, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if h.Size > 32<<20 {
			return list, errHuge
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return list, err
		}
		list = append(list, fromGo(h, string(content)))
	}
	return list, nil
}

func fromGo(h *tar.Header, content string) tarEntry {
	e := tarEntry{
		Name: h.Name, Link: h.Linkname, Type: h.Typeflag, Mode: h.Mode, UID: int64(h.Uid), GID: int64(h.Gid),
		Size: h.Size, ModTime: Time{h.ModTime.Unix(), int32(h.ModTime.Nanosecond())},
		Major: h.Devmajor, Minor: h.Devminor, Content: content,
	}
	var xattrs []Xattr
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if name, ok := strings.CutPrefix(key, xattrPrefix); ok && h.PAXRecords[key] != "" {
			xattrs = append(xattrs, Xattr{name, h.PAXRecords[key]})
		}
	}
	e.Xattrs = fmt.Sprintf("%q", xattrs)
	switch e.Type {
	case tar.TypeCont, tar.TypeGNUSparse:
		e.Type = tar.TypeReg
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		e.Size = 0
	}
	return e
}

// onPurpose reports whether the Reader may refuse what archive/tar takes, or take
// what it refuses:
//   - entries of unknown types are refused, and limits hold
//   - global headers are not parsed, so that their faults do not matter
//   - a NUL in GNU.sparse.name, a number of more than 64 digits in a sparse map
//     and a time before the first that fits are malformed
func onPurpose(data []byte, ours, gos error) bool {
	var refused *RefusedError
	var limit *LimitError
	switch {
	case errors.As(ours, &refused), errors.As(ours, &limit):
		return true
	case gos != nil && hasGlobal(data):
		return true
	case errors.Is(ours, errPAXName):
		return bytes.Contains(data, []byte("GNU.sparse.name"))
	case errors.Is(ours, errSparse):
		return bytes.Contains(data, bytes.Repeat([]byte("0"), 40))
	}
	return errors.Is(ours, errPAXTime) && bytes.Contains(data, []byte("-9223372036854775808."))
}

func hasGlobal(data []byte) bool {
	for ; len(data) >= blockSize; data = data[blockSize:] {
		if b := (*block)(data); b[156] == 'g' && b.isHeader() {
			return true
		}
	}
	return false
}

// sameAsGo holds the Reader against archive/tar.
func sameAsGo(t *testing.T, what string, data []byte, limits Limits) {
	t.Helper()
	ours, err := readTar(NewReader(bytes.NewReader(data), limits))
	var limit *LimitError
	most := len(ours) + 1
	if errors.As(err, &limit) {
		most = len(ours)
	}
	gos, goErr := readGoTar(data, most)
	for i := range min(len(ours), len(gos)) {
		if ours[i] != gos[i] {
			t.Fatalf("%s, entry %d:\n  ours %.999q\n  Go's %.999q", what, i, fmt.Sprintf("%+v", ours[i]), fmt.Sprintf("%+v", gos[i]))
		}
	}
	if goErr == errHuge {
		return
	}
	if (err != nil || goErr != nil || len(ours) != len(gos)) && onPurpose(data, err, goErr) {
		return
	}
	if (err == nil) != (goErr == nil) || len(ours) != len(gos) {
		t.Fatalf("%s: we read %d entries and %v, archive/tar %d and %v", what, len(ours), err, len(gos), goErr)
	}
}

// ownTars are archives that other programs wrote: GNU tar, bsdtar, Python.
func ownTars(t testing.TB) map[string][]byte {
	names, err := filepath.Glob("testdata/tar/*.tar.gz")
	if err != nil || len(names) == 0 {
		t.Fatal("no archives in testdata/tar", err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		blob, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".tar.gz")] = decodeAll(t, blob)
	}
	return all
}

func decodeAll(t testing.TB, blob []byte) []byte {
	d, err := NewDecoder(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	data, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// goTars are the archives that archive/tar is tested with, where the Go that runs
// this brought them along.
func goTars(t testing.TB) map[string][]byte {
	names, _ := filepath.Glob(filepath.Join(build.Default.GOROOT, "src/archive/tar/testdata/*.tar*"))
	all := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = bytes.NewReader(data)
		switch filepath.Ext(name) {
		case ".base64":
			r = base64.NewDecoder(base64.StdEncoding, r)
		case ".bz2":
			r = bzip2.NewReader(r)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		all["go/"+filepath.Base(name)] = data
	}
	return all
}

// allTars are those and craftedTars, read once.
func allTars(t testing.TB) map[string][]byte {
	tars.Lock()
	defer tars.Unlock()
	if tars.all == nil {
		tars.all = ownTars(t)
		maps.Copy(tars.all, goTars(t))
		maps.Copy(tars.all, craftedTars())
	}
	return maps.Clone(tars.all)
}

var tars struct {
	sync.Mutex
	all map[string][]byte
}

func TestReaderIsArchiveTar(t *testing.T) {
	for name, data := range allTars(t) {
		// Some of Go's archives tell of files of 60 GB that are nothing but holes.
		t.Run(name, func(t *testing.T) { sameAsGo(t, name, data, Limits{Path: 1 << 20, Unpacked: 4 << 20}) })
	}
}

func FuzzReader(f *testing.F) {
	for _, data := range allTars(f) {
		if len(data) <= 24<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sameAsGo(t, "input", fixChecksums(data), Limits{Path: 1 << 20, Unpacked: 1 << 20})
	})
}

// TestReaderIsArchiveTarWhenDamaged changes each byte that is not zero, and some
// that are, one at a time.
func TestReaderIsArchiveTarWhenDamaged(t *testing.T) {
	for name, data := range craftedTars() {
		if len(data) > 8<<10 {
			continue
		}
		for i, c := range data {
			if c == 0 && i%16 != 0 {
				continue
			}
			damaged := bytes.Clone(data)
			damaged[i] = []byte{c + 1, c ^ 0x80, ' '}[i%3]
			sameAsGo(t, fmt.Sprintf("%s with %q at %d", name, damaged[i], i), fixChecksums(damaged), Limits{Path: 1 << 20, Unpacked: 1 << 20})
		}
	}
}

// fixChecksums returns data with a right checksum in each block that says that it
// is a header, so that none need be found by chance.
func fixChecksums(data []byte) []byte {
	data = bytes.Clone(data)
	for rest := data; len(rest) >= blockSize; rest = rest[blockSize:] {
		if b := (*block)(rest); string(b[257:262]) == "ustar" {
			setChecksum(b)
		}
	}
	return data
}

func setChecksum(b *block) { copy(b[148:156], fmt.Sprintf("%06o\x00 ", b.sum())) }

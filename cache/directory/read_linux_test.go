package directory

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// longAgo is when all that write makes was made, so that every change is seen: clocks of
// file systems are coarse.
var longAgo = time.Unix(1_600_000_000, 0)

// write fills a directory: what ends in a slash is one, and "->" begins a link's target.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		target, isLink := strings.CutPrefix(files[name], "->")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case isLink:
			err = os.Symlink(target, path)
		case err == nil:
			err = os.WriteFile(path, []byte(files[name]), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	must(t, age(dir))
	return dir
}

func age(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() == fs.ModeSymlink {
			return err
		}
		return os.Chtimes(path, longAgo, longAgo)
	})
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestReadEveryAttribute is about what random stacks do not have.
func TestReadEveryAttribute(t *testing.T) {
	long := strings.Repeat("long/", 60) + strings.Repeat("n", 255)
	dir := write(t, map[string]string{"etc/os-release": "ID=x\n", "f": "content", "empty": "", "not\xffutf8\n": "x", long: "far", "a=b ": "->../f\xff", "s/": ""})
	f := filepath.Join(dir, "f")
	acl := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x00\x00\x00\x00" +
		"\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	xattrs := []layer.Xattr{{Name: "security.capability", Value: capability}, {Name: "system.posix_acl_access", Value: acl},
		{Name: "user.nul", Value: "a\x00b\n=c"}}
	for _, x := range xattrs {
		must(t, unix.Lsetxattr(f, x.Name, []byte(x.Value), 0))
	}
	must(t, unix.Lsetxattr(f, "user.overlay.x", []byte("x"), 0), unix.Lsetxattr(f, "user.empty", nil, 0), unix.Mkfifo(filepath.Join(dir, "s/pipe"), 0o600),
		unix.Mknod(filepath.Join(dir, "s/socket"), unix.S_IFSOCK|0o644, 0),
		unix.Mknod(filepath.Join(dir, "s/whiteout"), unix.S_IFCHR, 0), os.Link(filepath.Join(dir, "s/whiteout"), filepath.Join(dir, "s/whiteout2")),
		os.Link(filepath.Join(dir, "s/pipe"), filepath.Join(dir, "s/pipe2")),
		os.Chmod(f, 0o644|fs.ModeSetuid|fs.ModeSetgid), os.Chmod(filepath.Join(dir, "s"), 0o777|fs.ModeSticky))
	for path, at := range map[string]time.Time{f: time.Unix(-7, 5), dir: time.Unix(1, 999_999_999), filepath.Join(dir, "a=b "): time.Unix(0, 1)} {
		stamp := unix.NsecToTimespec(at.UnixNano())
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW))
	}
	l := read(t, dir)
	if l.Sockets != 1 || l.Whiteouts != 2 {
		t.Errorf("%d sockets, %d whiteouts", l.Sockets, l.Whiteouts)
	}
	want := map[string]func(e layer.Entry) bool{
		"": func(e layer.Entry) bool {
			return e.Kind == layer.Dir && !e.Implied && e.ModTime == layer.Time{Sec: 1, Nsec: 999_999_999}
		},
		"f": func(e layer.Entry) bool {
			return e.Mode == 0o6644 && e.ModTime == layer.Time{Sec: -7, Nsec: 5} && slices.Equal(e.Xattrs, xattrs) && e.Size == 7
		},
		"empty":         func(e layer.Entry) bool { return e.Kind == layer.File && e.Size == 0 },
		"not\xffutf8\n": func(e layer.Entry) bool { return e.Size == 1 },
		long:            func(e layer.Entry) bool { return e.Size == 3 },
		"a=b ": func(e layer.Entry) bool {
			return e.Kind == layer.Symlink && e.Link == "../f\xff" && e.ModTime == layer.Time{Nsec: 1}
		},
		"s":       func(e layer.Entry) bool { return e.Mode == 0o1777 },
		"s/pipe":  func(e layer.Entry) bool { return e.Kind == layer.Fifo && e.Mode == 0o600 && e.Links == 2 },
		"s/pipe2": func(e layer.Entry) bool { return e.Kind == layer.Fifo && e.Links == 2 },
	}
	for path, is := range want {
		if e, err := l.TOC.Lookup(path); err != nil || !is(e) {
			t.Errorf("%q: %+v, %v", path, e, err)
		}
	}
	e, err := l.TOC.Lookup("etc/os-release")
	must(t, err)
	if content, ok, err := l.Kept.Content(e.Offset); err != nil || !ok || string(content) != "ID=x\n" {
		t.Errorf("kept: %q, %v, %v", content, ok, err)
	}
	if n := l.TOC.Totals(); n.Files != 8 || n.Unpacked != 16 {
		t.Errorf("%+v", n)
	}
	if again := read(t, dir); again.TOC.DiffID() != l.TOC.DiffID() {
		t.Error("the same directory gives another layer")
	}
}

func TestReadRefuses(t *testing.T) {
	dir := write(t, map[string]string{"sub/.wh.x": ""})
	var name *NameError
	if _, err := readDir(t, dir, Options{}); !errors.As(err, &name) || name.Path != dir+"/sub/.wh.x" {
		t.Errorf("a whiteout's name: %v", err)
	}
	dir = write(t, map[string]string{"sub/f": ""})
	must(t, unix.Lsetxattr(dir+"/sub/f", "user.a=b", nil, 0))
	var entry *EntryError
	if _, err := readDir(t, dir, Options{}); !errors.As(err, &entry) || entry.Path != dir+"/sub/f" {
		t.Errorf("an attribute with =: %v", err)
	}
	var limit *layer.LimitError
	if _, err := readDir(t, write(t, map[string]string{"sub/f": ""}), Options{Limits: layer.Limits{Entries: 2}}); !errors.As(err, &limit) {
		t.Errorf("a limit: %v", err)
	}
	var path *fs.PathError
	if _, err := Open(dir + "/sub/f"); !errors.As(err, &path) {
		t.Errorf("a file: %v", err)
	}
	d, err := Open(dir)
	must(t, err)
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Read(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := d.Read(t.Context(), Options{TempDir: dir + "/none"}); !errors.As(err, &path) {
		t.Errorf("no place: %v", err)
	}
}

// What may not be read is an error that names it. The file system's user is another one
// for one thread only.
func TestReadWithoutRights(t *testing.T) {
	if fixtures.OneID() { // there is no other user
		return
	}
	for _, closed := range []string{"sub/f", "sub"} {
		dir := write(t, map[string]string{"sub/f": "x"})
		must(t, os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, closed), 0))
		d, err := Open(dir)
		must(t, err)
		defer d.Close()
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // and never back: the thread ends with this
			if _, err := unix.SetfsuidRetUid(1); err != nil {
				failed <- err
				return
			}
			_, err := d.writeTo(context.Background(), io.Discard)
			failed <- err
		}()
		err = <-failed
		var path *fs.PathError
		if !errors.As(err, &path) || !errors.Is(err, fs.ErrPermission) || path.Path != filepath.Join(dir, closed) {
			t.Errorf("%s: %v", closed, err)
		}
	}
}

func TestOpenFile(t *testing.T) {
	dir := write(t, map[string]string{"sub/f": "content", "link": "->sub", "flink": "->sub/f"})
	d, err := Open(dir)
	must(t, err)
	defer d.Close()
	e, err := read(t, dir).TOC.Lookup("sub/f")
	must(t, err)
	open := func(path string) (string, error) {
		e := e
		e.Path = path
		f, err := d.OpenFile(e)
		if err != nil {
			return "", err
		}
		content, err := io.ReadAll(f)
		return string(content), errors.Join(err, f.Close())
	}
	if got, err := open("sub/f"); err != nil || got != "content" {
		t.Errorf("%q, %v", got, err)
	}
	var changed *ChangedError
	for _, path := range []string{"link/f", "flink", "sub/none", "sub", "sub/f/x"} {
		if got, err := open(path); !errors.As(err, &changed) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "/sub/f", "sub//f", "../x", "sub/../sub/f", ".", "sub/f/"} {
		if got, err := open(path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	must(t, os.WriteFile(dir+"/sub/f", []byte("kontent"), 0o644))
	if got, err := open("sub/f"); !errors.As(err, &changed) {
		t.Errorf("after a change: %q, %v", got, err)
	}
}

package directory

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// hook is told of the first bytes that are written.
type hook func()

func (h *hook) Write(p []byte) (int, error) {
	if do := *h; do != nil {
		*h = nil
		do()
	}
	return len(p), nil
}

// Whatever happens to a directory while it is read, what comes is an error that names
// the place.
func TestReadFindsChanges(t *testing.T) {
	const size = 3 * bufferSize
	for name, c := range map[string]struct {
		change func(dir string) error
		at     string
		gone   bool
	}{
		"a file grows":       {func(d string) error { return os.Truncate(d+"/b/big", size+1) }, "b/big", false},
		"a file shrinks":     {func(d string) error { return os.Truncate(d+"/b/big", 10) }, "b/big", false},
		"a file is touched":  {func(d string) error { return os.Chmod(d+"/b/big", 0o600) }, "b/big", false},
		"a file is written":  {func(d string) error { return writeAt(d+"/b/big", size-10) }, "b/big", false},
		"a file comes":       {func(d string) error { return os.WriteFile(d+"/b/new", nil, 0o600) }, "b", false},
		"a directory comes":  {func(d string) error { return os.Mkdir(d+"/a", 0o700) }, "", false},
		"a file goes":        {func(d string) error { return os.Remove(d + "/b/then") }, "b/then", true},
		"a directory goes":   {func(d string) error { return os.RemoveAll(d + "/c") }, "c", true},
		"a pipe goes":        {func(d string) error { return os.Remove(d + "/d") }, "d", true},
		"a directory turns":  {func(d string) error { return swap(d, "c", "b") }, "", false},
		"a link leads aside": {func(d string) error { return swap(d, "e", "x") }, "", false},
		"a file turns":       {func(d string) error { return swap(d, "b/then", "../e") }, "b", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"b/big": strings.Repeat("x", size), "b/then": "y", "c/f": "", "e": "->b"})
			must(t, unix.Mkfifo(dir+"/d", 0o600), age(dir))
			d, err := Open(dir)
			must(t, err)
			defer d.Close()
			h := hook(func() { must(t, c.change(dir)) })
			_, err = d.writeTo(t.Context(), &h)
			var changed *ChangedError
			if !errors.As(err, &changed) || changed.Path != filepath.Join(dir, c.at) || changed.Gone != c.gone {
				t.Errorf("%v", err)
			}
		})
	}
}

func writeAt(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("y"), at)
	return errors.Join(err, f.Close())
}

// swap puts a link in the place of something.
func swap(dir, name, target string) error {
	path := filepath.Join(dir, name)
	return errors.Join(os.Rename(path, filepath.Join(filepath.Dir(dir), "old")), os.Symlink(target, path))
}

// TestNothingLeadsOut reads a directory in which another process puts links in the place
// of directories and files, as fast as it can.
func TestNothingLeadsOut(t *testing.T) {
	const secret = "the secret of somebody else"
	outside := write(t, map[string]string{"f": secret})
	dir := write(t, map[string]string{"d/f": "ours", "link": "->" + outside, "flink": "->" + outside + "/f"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- exchange(ctx, dir) }()
	d, err := Open(dir)
	must(t, err)
	defer d.Close()
	whole := 0
	for range 300 {
		var out strings.Builder
		if _, err := d.writeTo(ctx, &out); err == nil {
			whole++
		} else if changed := (*ChangedError)(nil); !errors.As(err, &changed) {
			t.Fatal(err)
		}
		f, err := d.OpenFile(entry("d/f", int64(len(secret))))
		if err == nil {
			content, err := io.ReadAll(f)
			f.Close()
			t.Errorf("opened: %q, %v", content, err)
		}
		if strings.Contains(out.String(), secret) {
			t.Fatal("the walk came to what is outside")
		}
	}
	cancel()
	must(t, <-done)
	t.Logf("%d of 300 walks met no change", whole)
}

// entry is that of the secret, under a path that does not lead to it.
func entry(path string, size int64) layer.Entry {
	return layer.Entry{Path: path, Kind: layer.File, Size: size, ModTime: layer.Time{Sec: longAgo.Unix()}}
}

// exchange swaps a directory and a file in it for links, and back.
func exchange(ctx context.Context, dir string) error {
	for ctx.Err() == nil {
		for _, pair := range [][2]string{{"d", "link"}, {"d", "link"}, {"d/f", "flink"}, {"d/f", "flink"}} {
			from, to := filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1])
			if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE); err != nil {
				return err
			}
		}
	}
	return nil
}

// A pipe, a link or a device is looked at twice: it cannot be held open.
func TestSpecialFindsChanges(t *testing.T) {
	dir := write(t, nil)
	must(t, unix.Mkfifo(dir+"/pipe", 0o600))
	f, err := os.Open(dir)
	must(t, err)
	defer f.Close()
	at := place{f, "pipe"}
	before, err := at.lstat()
	must(t, err, os.Chmod(dir+"/pipe", 0o644))
	w := &walk{tar: tar.NewWriter(io.Discard)}
	var changed *ChangedError
	if err := w.special(at, "pipe", &before); !errors.As(err, &changed) || changed.Path != dir+"/pipe" {
		t.Errorf("%v", err)
	}
}

// What the kernel makes up has another size than it says.
func TestFileWithoutItsSize(t *testing.T) {
	dir, err := os.Open("/proc/self")
	must(t, err)
	defer dir.Close()
	f, err := place{dir, "status"}.openFile()
	must(t, err)
	defer f.Close()
	var changed *ChangedError
	if _, err := io.ReadAll(f); !errors.As(err, &changed) {
		t.Errorf("%v", err)
	}
}

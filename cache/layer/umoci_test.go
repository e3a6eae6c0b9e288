//go:build corpus

package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

// TestUmociAgrees holds the tree against a flat unpack by umoci, as root, of stacks
// that builders make.
func TestUmociAgrees(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 17))
		entries, _ := fixtures.RandomBuilt(rng, fixtures.RandomOptions{})
		var layers []*fixtures.Layer
		for _, e := range entries {
			for i := range e {
				if e[i].Type != 0 || e[i].Link != "" {
					e[i].Xattrs = nil // the kernel allows user.* for files and directories only
				}
			}
			layers = append(layers, fixtures.NewLayer(fixtures.Gzip, e...))
		}
		dir := t.TempDir()
		if err := fixtures.WriteLayout(filepath.Join(dir, "layout"), fixtures.Named{Name: "it", Image: fixtures.FromLayers(layers)}); err != nil {
			t.Fatal(err)
		}
		bundle := filepath.Join(dir, "bundle")
		out, err := exec.Command("umoci", "unpack", "--image", filepath.Join(dir, "layout")+":it", bundle).CombinedOutput()
		if err != nil {
			t.Fatalf("seed %d: umoci: %v\n%s", seed, err, out)
		}
		tocs, err := indexAll(t, layers)
		if err != nil {
			t.Fatal(err)
		}
		got, want := seen(t, Squash(tocs), layers), onDisk(t, filepath.Join(bundle, "rootfs"))
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: %v\n%s\numoci\n%s", seed, entries, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func onDisk(t *testing.T, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		s, err := seenOnDisk(path, d)
		s.Path = strings.TrimPrefix(path, root+"/")
		lines = append(lines, s.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func seenOnDisk(path string, d fs.DirEntry) (fixtures.Seen, error) {
	info, err := d.Info()
	if err != nil {
		return fixtures.Seen{}, err
	}
	st := info.Sys().(*syscall.Stat_t)
	s := fixtures.Seen{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, ModTime: time.Unix(st.Mtim.Unix())}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		s.Kind = "dir"
	case syscall.S_IFREG:
		s.Kind = "file"
		data, err := os.ReadFile(path)
		if err != nil {
			return s, err
		}
		s.Content = string(data)
	case syscall.S_IFLNK:
		s.Kind = "symlink"
		s.Link, err = os.Readlink(path)
	case syscall.S_IFIFO:
		s.Kind = "fifo"
	case syscall.S_IFCHR:
		s.Kind, s.Major, s.Minor = "char", unix.Major(st.Rdev), unix.Minor(st.Rdev)
	default:
		err = fmt.Errorf("%s: mode %o", path, st.Mode)
	}
	return s, errors.Join(err, addXattrs(path, &s))
}

func addXattrs(path string, s *fixtures.Seen) error {
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:n]), "\x00"), "\x00") {
		if name == "" || strings.HasPrefix(name, "user.umoci.") || strings.HasPrefix(name, "security.selinux") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return err
		}
		if s.Xattrs == nil {
			s.Xattrs = map[string]string{}
		}
		s.Xattrs[name] = string(value[:n])
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/fixtures"
)

// seenFile is what a program sees of a file.
type seenFile struct {
	Mode  fs.FileMode
	MTime int64 // not of a directory
	Size  int64
	What  string // what it holds, or leads to
	Xattr string
	Links uint64 // not of a directory
}

// changing is a program that changes the root at random, and tells how it was before
// and how it is then.
func changing(args []string) int {
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return 97
	}
	before, err := seenTree()
	if err == nil {
		change(rand.New(rand.NewPCG(7, seed)))
		var after map[string]seenFile
		if after, err = seenTree(); err == nil {
			err = json.NewEncoder(os.Stdout).Encode([]map[string]seenFile{before, after})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// seenTree is all but what is mounted, by names as they are shown.
func seenTree() (map[string]seenFile, error) {
	all := map[string]seenFile{}
	for _, top := range []string{"/a", "/b", "/c"} {
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			all[term.Escape(path[1:])], err = seen(path)
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return all, nil
}

func seen(path string) (f seenFile, err error) {
	st, err := os.Lstat(path)
	if err != nil {
		return f, err
	}
	f.Mode = st.Mode()
	if !f.Mode.IsDir() {
		f.MTime, f.Links = st.ModTime().UnixNano(), linksOf(path)
	}
	switch {
	case f.Mode.IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return f, err
		}
		f.Size, f.What = st.Size(), fmt.Sprintf("%x", sha256.Sum256(data))
	case f.Mode&fs.ModeSymlink != 0:
		f.What, err = os.Readlink(path)
		return f, err
	}
	value := make([]byte, 100)
	if n, err := unix.Lgetxattr(path, "user.x", value); err == nil {
		f.Xattr = string(value[:n])
	}
	return f, nil
}

func linksOf(path string) uint64 {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return uint64(st.Nlink)
}

// change does what programs do with files; what the file system refuses is not done.
func change(random *rand.Rand) {
	for range 60 {
		from, to := somewhere(random), somewhere(random)
		switch random.IntN(14) {
		case 0:
			if f, err := os.OpenFile(from, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NONBLOCK, 0o644); err == nil {
				_, _ = f.WriteString(strconv.Itoa(random.IntN(3)))
				_ = f.Close()
			}
		case 1:
			_ = os.Mkdir(from, 0o755)
		case 2:
			removed(from)
		case 3:
			removed(from)
			_ = os.MkdirAll(from, 0o755)
		case 4:
			_ = os.Rename(from, to)
		case 5:
			_ = os.Link(from, to)
		case 6:
			_ = os.Symlink(to, from)
		case 7:
			_ = os.Chmod(from, fs.FileMode(0o700|random.IntN(64)))
		case 8:
			at := time.Unix(int64(random.IntN(1000)), 5)
			_ = os.Chtimes(from, at, at)
		case 9:
			_ = unix.Setxattr(from, "user.x", []byte{byte('a' + random.IntN(3))}, 0)
		case 10:
			_ = unix.Mkfifo(from, 0o600)
		case 11: // opened to be written, and left as it is
			if f, err := os.OpenFile(from, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
				_ = f.Close()
			}
		case 12:
			_ = os.Rename(from, from+"2")
			_ = os.Rename(from+"2", from)
		case 13:
			_ = os.Remove(from)
		}
	}
}

// removed removes what is there: below a fifo, RemoveAll would wait for a writer.
func removed(path string) {
	if _, err := os.Lstat(path); err == nil {
		_ = os.RemoveAll(path)
	}
}

func somewhere(random *rand.Rand) string {
	names := []string{"a", "b", "c", "a\nb", "\xff", "x y"}
	path := "/" + names[random.IntN(3)]
	for range 1 + random.IntN(3) {
		path += "/" + names[random.IntN(len(names))]
	}
	return path
}

const changedImage = `
-- 0/a/a/a --
one
-- 0/a/a/b --
two
-- 0/a/b => a/a/b --
-- 0/a/c -> a/a --
-- 0/b/a/a --
three
-- 0/b/b/a/a --
four
-- 0/b/b/b/ --
-- 0/b/c [mode=600 xattr:user.x=q] --
five
-- 0/c/a [fifo] --
-- 0/c/b/ [mode=700] --
-- 0/c/c/a --
six
-- 1/a/a/.wh..wh..opq --
-- 1/a/a/a --
seven
-- 1/b/b/a/c --
eight
-- 1/b/.wh.a --
`

// TestChangesAreWhatChanged is the law of what a writable shell tells at its end: done to
// the image's tree, it gives the tree that was seen; and nothing is told that is as it was.
func TestChangesAreWhatChanged(t *testing.T) {
	for _, program := range []string{"layers", "layers-unprivileged"} {
		t.Run(program, func(t *testing.T) {
			if program == "layers" && !asRoot(t) {
				return
			}
			registry, err := fixtures.NewRegistry()
			if err != nil {
				t.Fatal(err)
			}
			defer registry.Close()
			if err := registry.Push("app:1", fixtures.Image(changedImage)); err != nil {
				t.Fatal(err)
			}
			store, us := filepath.Join(openDir(t), "store"), copyOfUs(t)
			for seed := range 25 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				c := exec.CommandContext(ctx, "/proc/self/exe")
				c.Args = []string{"furnished", registry.Host + "/app:1", "--writable", "--bind", us + ":/changing:ro",
					"--", "/changing", strconv.Itoa(seed)}
				c.Env = append(c.Environ(), "LAYERS="+program, "LAYERS_STORE="+store)
				var stdout, stderr bytes.Buffer
				c.Stdout, c.Stderr = &stdout, &stderr
				if err := c.Run(); err != nil {
					t.Fatalf("%v\n%s", err, stderr.String())
				}
				var trees []map[string]seenFile
				if err := json.Unmarshal(stdout.Bytes(), &trees); err != nil {
					t.Fatal(err)
				}
				holdChanges(t, seed, trees[0], trees[1], stderr.String())
			}
		})
	}
}

// holdChanges does what was told to a tree.
func holdChanges(t *testing.T, seed int, tree, after map[string]seenFile, told string) {
	t.Helper()
	before := map[string]seenFile{}
	for name, f := range tree {
		before[name] = f
	}
	_, told, _ = strings.Cut(told, "changed:\n")
	lines := strings.Split(strings.TrimSuffix(told, "\n"), "\n")
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(pathOf(a), pathOf(b)) })
	for _, line := range lines {
		if line == "" {
			continue
		}
		kind, path := strings.Fields(line)[0], pathOf(line)
		name := strings.TrimSuffix(path, "/")
		was, existed := before[name]
		now, exists := after[name]
		_, hidden := tree[name]
		switch {
		case kind == "deleted" && existed && !exists, kind == "replaced" && existed && exists, kind == "added" && exists && !hidden:
		case kind == "modified" && exists && existed && (was != now || now.Mode.IsDir()):
		default:
			t.Errorf("seed %d: %q, but it was %+v and is %+v", seed, line, was, now)
		}
		if kind == "deleted" || kind == "replaced" {
			for other := range tree {
				if other == name || strings.HasPrefix(other, name+"/") {
					delete(tree, other)
				}
			}
		}
		if exists {
			tree[name] = now
		}
	}
	for name := range after {
		if tree[name] != after[name] {
			t.Errorf("seed %d: %s is %+v, told as %+v", seed, name, after[name], tree[name])
		}
		delete(tree, name)
	}
	for name, f := range tree {
		t.Errorf("seed %d: %s is gone, told as %+v", seed, name, f)
	}
}

// pathOf is the path of a line, behind the kind and the size.
func pathOf(line string) string {
	const kind, size = 2 + 8 + 2, 9 + 2
	return line[kind+size:]
}

//go:build linux

package tools

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var find = Tool{
	Name: "find", Usage: "[-H | -L] [PATH...] [TEST | ACTION]...",
	About: `files below directories that pass tests: -name -iname -path -ipath PATTERN, -type fdlpscb, -size [+-]N[cwbkMG],
-perm [-/]MODE, -user -group NAME, -uid -gid -links -inum [+-]N, -mtime -mmin [+-]N, -newer FILE, -empty, -nouser, -nogroup;
! or -not, -a, -o, ( ); limits: -maxdepth -mindepth N, -xdev; actions: -print -print0 -ls -prune -quit,
-exec COMMAND {} ; or -exec COMMAND {} +`,
	run: runFind,
}

// finder is one run of find.
type finder struct {
	*call
	follow, followNamed bool
	minDepth, maxDepth  int
	oneDevice           bool
	test                test
	acts                bool // an action was asked for: what passes is not printed by itself
	batches             []*batch
	now                 time.Time
	device              uint64 // of the path that was named
	above               []unix.Stat_t
}

// visit is a file that find has come to.
type visit struct {
	dir   int // the directory, by its descriptor, and the name in it
	name  string
	path  string // as it is printed
	depth int
	unix.Stat_t
	pruned bool
}

// test is a test or an action; what it returns is whether to go on with the next.
type test func(*visit) (bool, error)

// errQuit is -quit's.
var errQuit = errors.New("quit")

func runFind(c *call) error {
	f := &finder{call: c, maxDepth: 1 << 30, now: time.Now()}
	paths, err := f.parse()
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		if err = f.named(path); err != nil {
			break
		}
	}
	if err != nil && !errors.Is(err, errQuit) {
		return err
	}
	for _, b := range f.batches {
		if err := b.run(); err != nil {
			return err
		}
	}
	return nil
}

// named visits a path that the user named.
func (f *finder) named(path string) error {
	v := &visit{dir: unix.AT_FDCWD, name: f.at(path), path: path}
	st, err := f.status(v)
	if err != nil {
		f.fail(path, err)
		return nil
	}
	f.device = st.Dev
	v.Stat_t = st
	return f.visit(v)
}

// status is of the file or, if links are followed, of what it leads to.
func (f *finder) status(v *visit) (unix.Stat_t, error) {
	if f.follow || f.followNamed && v.depth == 0 {
		if st, err := status(v.dir, v.name, true); !errors.Is(err, fs.ErrNotExist) {
			return st, err
		}
	}
	return status(v.dir, v.name, false)
}

func (f *finder) visit(v *visit) error {
	if err := f.going(); err != nil {
		return err
	}
	if v.depth >= f.minDepth {
		if _, err := f.test(v); err != nil {
			return err
		}
	}
	if !isDir(&v.Stat_t) || v.pruned || v.depth >= f.maxDepth || f.oneDevice && v.Dev != f.device {
		return nil
	}
	if f.follow && slices.ContainsFunc(f.above, func(a unix.Stat_t) bool { return a.Dev == v.Dev && a.Ino == v.Ino }) {
		f.fail(v.path, errors.New("a link leads back to where it is in"))
		return nil
	}
	f.above = append(f.above, v.Stat_t)
	defer func() { f.above = f.above[:len(f.above)-1] }()
	return f.below(v)
}

func (f *finder) below(v *visit) error {
	dir, err := openDir(v.dir, v.name, f.follow || v.depth == 0)
	if err != nil {
		f.fail(v.path, err)
		return nil
	}
	defer dir.Close()
	err = f.eachName(dir, func(name string) error { return f.child(dir, v, name) })
	return f.tellRead(v.path, err)
}

func (f *finder) child(dir *os.File, v *visit, name string) error {
	child := &visit{dir: int(dir.Fd()), name: name, path: v.path + "/" + name, depth: v.depth + 1}
	if strings.HasSuffix(v.path, "/") {
		child.path = v.path + name
	}
	st, err := f.status(child)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // it has gone meanwhile
			f.fail(child.path, err)
		}
		return nil
	}
	child.Stat_t = st
	return f.visit(child)
}

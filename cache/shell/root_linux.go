package shell

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/mount"
)

// built is a root that is ready to be entered.
type built struct {
	*root
	pts int // the directory of its pseudo-terminals
	cwd int // where the command starts
	// What the command changes, the root without that, and the root with it but without
	// what is mounted in it. Without Config.Writable they are -1, but for before.
	upper, before, after int

	injected    *injected // what this program is started from, where it may have to be
	notInjected error     // why there is none; the image's may do
}

// build makes a shell's root. Until the host's root is left, the order matters: what
// is taken of the host is taken first, then our copy of the host's mounts becomes
// read-only, so that nothing reached through them later can be written
// (CVE-2019-5736), and only then is anything attached.
func build(c *Config) (*built, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, refused("making the mounts private", err)
	}
	binds, err := cloneBinds(c)
	if err != nil {
		return nil, err
	}
	b := &built{root: &root{made: map[string]bool{}}, pts: -1, cwd: -1, upper: -1, before: -1, after: -1}
	if c.Builtin != BuiltinNever || c.attackable() {
		b.injected, b.notInjected = inject()
	}
	image, err := b.image(c)
	if err != nil {
		return nil, err
	}
	host, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(restrict(host, readOnly), unix.Close(host)); err != nil {
		return nil, fmt.Errorf("the copy of the host's mounts: %w", err)
	}
	at, err := unix.Open(c.Scratch, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := attach(image, at); err != nil {
		return nil, err
	}
	if b.fd, err = unix.Open(c.Scratch, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return nil, err
	}
	if c.Writable {
		flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
		if b.after, err = unix.OpenTree(b.fd, "", flags); err != nil {
			return nil, fmt.Errorf("open_tree: %w", err)
		}
	}
	return b, b.furnish(c, binds)
}

// image mounts the image with a directory above it that takes what is written: also
// for a shell that may not write, since places to mount on can be missing.
func (b *built) image(c *Config) (int, error) {
	dir := c.Keep
	if dir == "" {
		dir = c.Scratch
		tmp, err := filesystem("tmpfs", quiet, "mode=0700", "source=layers")
		if err != nil {
			return -1, err
		}
		at, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, errors.Join(err, unix.Close(tmp))
		}
		if err := attach(tmp, at); err != nil {
			return -1, err
		}
	}
	upper, work := filepath.Join(dir, UpperDir), filepath.Join(dir, WorkDir)
	var err error
	if b.before, err = c.mount("", ""); err != nil {
		return -1, refused("the image's layers", err)
	}
	if err := upperLike(upper, b.before); err != nil {
		return -1, err
	}
	if err := os.Mkdir(work, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return -1, err
	}
	image, err := c.mount(upper, work)
	if err != nil {
		if c.Keep != "" {
			return -1, &HostError{Text: err.Error(), Hint: "--keep needs a directory on a file system with xattrs that is no overlay"}
		}
		return -1, refused("the image's layers", err)
	}
	if !c.Writable {
		return image, nil
	}
	if b.upper, err = unix.Open(upper, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		return -1, fmt.Errorf("%s: %w", upper, err)
	}
	return image, nil
}

// mount mounts the layers, detached, with a directory above them if there is one.
func (c *Config) mount(upper, work string) (int, error) {
	m, err := mount.New(c.Layers, mount.Options{UserXattr: c.UserXattr, Upper: upper, Work: work})
	if err != nil {
		return -1, err
	}
	return m.Descriptor(), nil
}

// upperLike makes an upper directory with the attributes of the image's root, which
// overlayfs shows from the topmost directory. One that is there has them already.
func upperLike(upper string, image int) error {
	if err := os.Mkdir(upper, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(image, &st); err != nil {
		return err
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	return errors.Join(
		os.Chown(upper, int(st.Uid), int(st.Gid)),
		unix.Chmod(upper, st.Mode&0o7777),
		unix.UtimesNanoAt(unix.AT_FDCWD, upper, times, 0),
	)
}

// The names in Config.Keep: what was changed, as an overlay's upper directory, and what
// overlayfs needs beside it.
const (
	UpperDir = "changes"
	WorkDir  = "work"
)

// furnish mounts all that a process expects, and what the user asked for.
func (b *built) furnish(c *Config, binds []int) (err error) {
	if b.pts, err = b.dev(); err != nil {
		return err
	}
	if err := b.proc(); err != nil {
		return err
	}
	if err := b.sys(c.HostNetwork); err != nil {
		return err
	}
	tmp, err := filesystem("tmpfs", quiet, "mode=1777", "source=layers")
	if err := b.on("/tmp", tmp, err); err != nil {
		return err
	}
	if c.HostNetwork {
		if err := b.names(); err != nil {
			return err
		}
	}
	for i, bind := range c.Binds {
		if err := b.bind(bind, binds[i]); err != nil {
			return err
		}
	}
	if b.cwd, err = b.dir(cmp.Or(c.Dir, "/")); err != nil {
		return err
	}
	if c.Writable {
		return nil
	}
	attr := unix.MountAttr{Attr_set: readOnly}
	if err := unix.MountSetattr(b.fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return fmt.Errorf("making the root read-only: %w", err)
	}
	return nil
}

// names shows the files by which the host finds names in its network.
func (b *built) names() error {
	for _, name := range []string{"/etc/resolv.conf", "/etc/hosts"} {
		if _, err := os.Stat(name); err != nil {
			continue // the host has none either
		}
		m, err := clone(unix.AT_FDCWD, name, inert|readOnly)
		if err != nil {
			return err
		}
		if err := errors.Join(b.clear(name), b.bind(Bind{From: name, To: name}, m)); err != nil {
			return err
		}
	}
	return nil
}

// clear takes a link that leads nowhere out of the way, as images have one for the
// resolv.conf of a service that is to make it.
func (r *root) clear(name string) error {
	fd, err := r.open(name, 0)
	if err == nil {
		return unix.Close(fd)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return r.failed(name, err)
	}
	parent, err := r.parent(name)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	if err := unix.Unlinkat(parent, path.Base(name), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.failed(name, err)
	}
	return nil
}

// cloneBinds takes what the user wants to see of the host. Paths are his own.
func cloneBinds(c *Config) ([]int, error) {
	var all []int
	for _, b := range c.Binds {
		attributes := quiet
		if b.ReadOnly {
			attributes |= readOnly
		}
		m, err := clone(unix.AT_FDCWD, b.From, attributes)
		if err != nil {
			return nil, &SetupError{Text: fmt.Sprintf("--bind %s: %v", b.From, err)}
		}
		all = append(all, m)
	}
	return all, nil
}

func (r *root) bind(b Bind, mount int) error {
	var st unix.Stat_t
	if err := unix.Fstat(mount, &st); err != nil {
		return err
	}
	open := r.file
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		open = r.dir
	}
	at, err := open(b.To)
	if err == nil {
		err = r.free(b.To, at)
	}
	if err == nil {
		err = attach(mount, at)
	}
	if err != nil {
		return &SetupError{Text: fmt.Sprintf("%s cannot be seen on %s: %v", b.From, b.To, err)}
	}
	return nil
}

// enter makes the root the only one there is.
func (b *built) enter() error {
	if err := unix.Fchdir(b.fd); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return refused("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return refused("leaving the host's root", err)
	}
	return errors.Join(unix.Chdir("/"), unix.Close(b.fd))
}

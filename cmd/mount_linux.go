package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/mount"
)

// mount mounts an image on a directory, to stay.
func (p *program) mount(ctx context.Context, name, dir string, f mountFlags) error {
	if os.Geteuid() != 0 {
		return rootlessAdvice([]string{name, dir})
	}
	dir, err := mountPoint(dir)
	if err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) (err error) {
		img, err := s.findToMount(ctx, name, &f, inside())
		if err != nil {
			return err
		}
		of, m, err := s.snapshots(ctx, img, &f, inside())
		if err != nil {
			return err
		}
		defer closing(of.Release, &err)
		m.Asked = dir
		if err := s.attach(ctx, m, of, dir); err != nil {
			return err
		}
		r := mountReport{Version: "layers.mount/v1", Image: img.name, Digest: img.digest.String(), Dir: dir}
		return p.mounted(f.out, r, "%s is on %s")
	})
}

// mountPoint is a directory that can be mounted on, as the kernel names it.
func mountPoint(dir string) (string, error) {
	real, err := filepath.Abs(dir)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", &advised{err: err, hint: "mkdir " + dir}
	}
	if err != nil {
		return "", err
	}
	if real == "/" {
		return "", &usageError{text: "an image cannot be mounted on /"}
	}
	taken, err := cache.IsMounted(real)
	if err == nil && taken {
		err = &advised{err: &hostError{text: "an image is mounted on " + dir}, hint: "layers umount " + dir}
	}
	return real, err
}

func (s *session) attach(ctx context.Context, m cache.Mounted, of *cache.Snapshots, dir string) (err error) {
	root, err := mount.New(of.Dirs, mount.Options{UserXattr: inside()})
	if err != nil {
		return err
	}
	defer closing(root.Close, &err)
	device, err := root.Device()
	if err != nil {
		return err
	}
	return s.store.Mount(ctx, m, of, device, func() error { return root.Attach(dir) })
}

func (s *session) umount(ctx context.Context, dir string, out outputFlags) error {
	m, err := s.store.Unmount(ctx, dir, mount.Unmount)
	if err != nil {
		return err
	}
	r := mountReport{Version: "layers.umount/v1", Image: m.Image, Digest: m.Digest.String(), Dir: dir}
	return s.program.mounted(out, r, "%s is no longer on %s")
}

// mountedRun is what the process that mounts an image for a command is told.
type mountedRun struct {
	Dirs      []string
	UserXattr bool
	At        string // where it is mounted
	Enter     bool   // the command starts there
	Command   []string
}

// mountedRole is the argument by which this program knows that it is that process.
const mountedRole = "mount, for a command"

// mountFor mounts an image for a command, in a namespace that ends with it.
func (p *program) mountFor(ctx context.Context, args, command []string, f mountFlags) error {
	return p.inStore(f.settings, func(s *session) (err error) {
		rootless := rootless()
		img, err := s.findToMount(ctx, args[0], &f, rootless)
		if err != nil {
			return err
		}
		of, _, err := s.snapshots(ctx, img, &f, rootless)
		if err != nil {
			return err
		}
		defer closing(of.Release, &err)
		run := mountedRun{Dirs: of.Dirs, UserXattr: rootless, Command: command}
		if len(args) > 1 {
			run.At, err = mountPoint(args[1])
		} else {
			run.At, run.Enter = filepath.Join(s.store.ScratchDir(), "root"), true
			err = os.Mkdir(run.At, 0o700)
		}
		if err != nil {
			return err
		}
		return p.runMounted(run, of)
	})
}

// runMounted runs the process and waits for it. What the terminal tells the command by
// a signal is not for us; what others send to us is passed on.
func (p *program) runMounted(run mountedRun, of *cache.Snapshots) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	c := exec.Command("/proc/self/exe")
	c.Args = []string{os.Args[0], mountedRole}
	c.Stdin, c.Stdout, c.Stderr = p.stdin, p.stdout, p.stderr
	c.ExtraFiles = []*os.File{told, of.File()}
	c.SysProcAttr = namespaces()
	p.lent.Store(true)
	defer p.lent.Store(false)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := errors.Join(c.Start(), told.Close()); err != nil {
		return errors.Join(userNamespaceAdvice(err), tell.Close())
	}
	err = errors.Join(json.NewEncoder(tell).Encode(run), tell.Close())
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGTERM || s == syscall.SIGHUP {
					_ = c.Process.Signal(s) // it may have ended
				}
			case <-done:
				return
			}
		}
	}()
	return errors.Join(err, commandEnd(c.Wait()))
}

// namespaces gives the process a mount namespace, and to an ordinary user for that a
// user namespace in which everybody is who he is.
func namespaces() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		same := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
		}
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings, a.GidMappings = same(os.Geteuid()), same(os.Getegid())
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	return a
}

// userNamespaceAdvice says why a process could not be given namespaces.
func userNamespaceAdvice(err error) error {
	if f := checkUserNamespaces(); os.Geteuid() != 0 && f.State != stateOK {
		return &advised{err: &hostError{text: "this host does not allow user namespaces: " + f.What}, detail: f.Detail, hint: f.Do}
	}
	return err
}

// mountRules know the errors of the kernel about mounts.
var mountRules = []rule{
	on[*mount.BusyError](exitTemporary),
	on(exitHost, always[*mount.Error](hints("layers doctor"))),
}

// commandEnd is how a command ended, as a shell tells it.
func commandEnd(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &commandExit{code: 128 + int(status.Signal())}
	}
	return &commandExit{code: exit.ExitCode()}
}

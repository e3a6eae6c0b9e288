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
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/cache/userns"
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
	kind, _, err := p.snapshotKind()
	if err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) (err error) {
		img, err := s.findToMount(ctx, name, &f, kind)
		if err != nil {
			return err
		}
		of, m, err := s.snapshots(ctx, img, &f, kind)
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
		return onHost(err)
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
	Root      bool   // the command is root of a user namespace that is made for it
	Command   []string
}

// mountedRole is the argument by which this program knows that it is that process.
const mountedRole = "mount, for a command"

// mountFor mounts an image for a command, in a namespace that ends with it.
func (p *program) mountFor(ctx context.Context, args, command []string, f mountFlags) error {
	return p.withIDs(func() error {
		return p.inStore(f.settings, func(s *session) (err error) {
			ready, err := s.prepare(ctx, args[0], &f)
			if ready == nil || err != nil {
				return err
			}
			defer closing(ready.snapshots.Release, &err)
			run := mountedRun{Dirs: ready.snapshots.Dirs, UserXattr: ready.rootless, Root: ready.ids != nil, Command: command}
			if len(args) > 1 {
				run.At, err = mountPoint(args[1])
			} else {
				run.At, run.Enter = filepath.Join(s.store.ScratchDir(), "root"), true
				err = os.Mkdir(run.At, 0o700)
			}
			if err != nil {
				return err
			}
			return p.runMounted(run, ready)
		})
	})
}

// runMounted runs the process and waits for it. What the terminal tells the command by
// a signal is not for us; what others send to us is passed on.
func (p *program) runMounted(run mountedRun, of *prepared) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	c := exec.Command("/proc/self/exe")
	c.Args = []string{os.Args[0], mountedRole}
	c.Stdin, c.Stdout, c.Stderr = p.stdin, p.stdout, p.stderr
	c.ExtraFiles = []*os.File{told, of.snapshots.File()}
	c.SysProcAttr = namespaces(of.ids)
	signals := p.lend()
	defer signals.end()
	if err := errors.Join(c.Start(), told.Close()); err != nil {
		return errors.Join(userNamespaceAdvice(err), tell.Close())
	}
	go signals.pass(c.Process, syscall.SIGTERM, syscall.SIGHUP)
	if of.ids != nil {
		if err := of.ids.Apply(c.Process.Pid); err != nil {
			_ = c.Process.Kill() // it waits for what does not come
			_ = c.Wait()
			return errors.Join(err, tell.Close())
		}
	}
	err = errors.Join(json.NewEncoder(tell).Encode(run), tell.Close())
	return errors.Join(err, commandEnd(c.Wait()))
}

// lending is a time in which a process runs in our place: what interrupts us is for it
// to decide.
type lending struct {
	program *program
	signals chan os.Signal
	done    chan struct{}
}

func (p *program) lend() *lending {
	l := &lending{program: p, signals: make(chan os.Signal, 8), done: make(chan struct{})}
	signal.Notify(l.signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	p.signals <- turn(true) // not before: a signal that nobody listens to would be lost
	return l
}

// pass passes some signals on, also those that came before. The others came to the
// process as well, from the terminal.
func (l *lending) pass(to *os.Process, passed ...os.Signal) {
	for {
		select {
		case s := <-l.signals:
			if slices.Contains(passed, s) {
				_ = to.Signal(s) // it may have ended
			}
		case <-l.done:
			return
		}
	}
}

func (l *lending) end() {
	signal.Stop(l.signals)
	close(l.done)
	l.program.signals <- turn(false)
}

// namespaces gives the process a mount namespace, and to an ordinary user for that a
// user namespace: with ids, which follow when it runs, or one in which he is who he is.
func namespaces(ids *userns.Map) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		return a
	}
	a.Cloneflags |= syscall.CLONE_NEWUSER
	a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	if ids != nil {
		a.AmbientCaps = everyCapability()
	} else {
		same := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
		}
		a.UidMappings, a.GidMappings = same(os.Geteuid()), same(os.Getegid())
	}
	return a
}

// everyCapability are all that this kernel has. Root of a user namespace gets them with
// the command: if they were more than before, the kernel would forget that the command is
// to end when its maker does.
func everyCapability() (all []uintptr) {
	for n := uintptr(0); ; n++ {
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, n, 0, 0, 0); err != nil {
			return all
		}
		all = append(all, n)
	}
}

// userNamespaceAdvice says why a process could not be given namespaces.
func userNamespaceAdvice(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return onHost(&hostError{text: "this host gives a mount no namespaces: " + number.Error()})
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

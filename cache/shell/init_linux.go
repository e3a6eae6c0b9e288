package shell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/console"
)

// Mounter mounts the root that Config.Root says, detached, and returns its descriptor.
// With upper and work it can be written: see overlayfs.
type Mounter func(root json.RawMessage, upper, work string) (int, error)

// The descriptors that an init is started with.
const (
	controlFile = 3
	consoleFile = 4
)

// The init is its process namespace's first thread: what it gives up, and what it is
// seen as in /proc/1, is that thread's.
func init() {
	if len(os.Args) == 2 && os.Args[1] == Role {
		runtime.LockOSThread()
	}
}

// Main is the process that becomes a shell's init. It must be called from main's own
// goroutine, before anything else is done; it returns the exit code.
func Main(mounter Mounter) int {
	control := os.NewFile(controlFile, "control")
	i := &initProcess{control: control, parent: newTeller(control)}
	if err := i.run(mounter); err != nil {
		if err := i.parent.tell(message{Failed: failed(err)}); err != nil {
			return 1 // there is nobody left to tell
		}
		return 1
	}
	return 0
}

// initProcess is the first process of a shell.
type initProcess struct {
	control *os.File
	parent  *teller
	config  Config
	root    *built
	command atomic.Int64 // the process of the command
}

func (i *initProcess) run(mounter Mounter) error {
	orders := json.NewDecoder(i.control)
	if err := orders.Decode(&i.config); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	c := &i.config
	if err := ownIDs(); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return &HostError{Text: fmt.Sprintf("a cgroup namespace: %v", err)}
	}
	var err error
	unix.Umask(0) // the caller's is for his files
	if i.root, err = build(c, mounter); err != nil {
		return err
	}
	if err := i.isolate(); err != nil {
		return err
	}
	user, substituted, err := findIdentity(c)
	if err != nil {
		return err
	}
	started := Started{User: user, Substituted: substituted}
	files, err := i.terminal(user)
	if err != nil {
		return err
	}
	if err := i.start(&started, files); err != nil {
		return err
	}
	go i.obey(orders)
	return i.wait(started)
}

// ownIDs makes this process root of its user namespace, if it was started before the
// namespace had any ids.
func ownIDs() error {
	if os.Getuid() == 0 && os.Getgid() == 0 {
		return nil
	}
	if err := unix.Setresgid(0, 0, 0); err != nil {
		return fmt.Errorf("becoming root of the user namespace: %w", err)
	}
	if err := unix.Setresuid(0, 0, 0); err != nil {
		return fmt.Errorf("becoming root of the user namespace: %w", err)
	}
	// The kernel forgets this when ids change.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}

// isolate leaves the host: its root, its keys, its name, its network.
func (i *initProcess) isolate() error {
	if err := i.root.enter(); err != nil {
		return err
	}
	if _, err := unix.KeyctlJoinSessionKeyring("layers"); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("a session keyring: %w", err)
	}
	if i.config.Hostname != "" {
		if err := unix.Sethostname([]byte(i.config.Hostname)); err != nil {
			return fmt.Errorf("the host name %s: %w", i.config.Hostname, err)
		}
	}
	if i.config.HostNetwork {
		return nil
	}
	return loopback()
}

func loopback() (err error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(s)) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

// findIdentity finds the user in the image's own files, which may be anything.
func findIdentity(c *Config) (id Identity, substituted string, err error) {
	passwd, err := openAccounts("/etc/passwd")
	if err != nil {
		return id, "", err
	}
	defer passwd.Close()
	group, err := openAccounts("/etc/group")
	if err != nil {
		return id, "", err
	}
	defer group.Close()
	id, err = resolveUser(c.User, passwd, group)
	if err != nil {
		return id, "", err
	}
	why, err := unmapped(&id)
	if err != nil || why == "" {
		return id, "", err
	}
	if !c.AnyUser {
		return id, "", &HostError{
			Text: why + " in this user namespace",
			Hint: "--user 0 runs as the image's root; as root of the host (sudo), every user exists",
		}
	}
	return Identity{Name: "root", Home: "/root"}, why, nil
}

// openAccounts opens a file of accounts. What is no regular file is as good as none.
func openAccounts(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == nil {
		st, err := f.Stat()
		if err == nil && st.Mode().IsRegular() {
			return f, nil
		}
		_ = f.Close()
		return os.Open("/dev/null")
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return os.Open("/dev/null")
	}
	return nil, &SetupError{Text: fmt.Sprintf("the image's %v", err)}
}

// terminal makes the command's standard files: ours, or a terminal's, whose other end
// goes to the parent.
func (i *initProcess) terminal(user Identity) (files []uintptr, err error) {
	files = []uintptr{0, 1, 2}
	if !i.config.Terminal {
		return files, unix.Close(i.root.pts)
	}
	pty, err := console.Open(i.root.pts, i.config.Size)
	if err != nil {
		return nil, fmt.Errorf("a terminal: %w", err)
	}
	slave := pty.Slave.Fd()
	// Where the group tty is not mapped, the user's own does.
	if err := unix.Fchown(int(slave), int(user.UID), 5); err != nil {
		if err := unix.Fchown(int(slave), int(user.UID), int(user.GID)); err != nil {
			return nil, fmt.Errorf("the owner of a terminal: %w", err)
		}
	}
	socket := os.NewFile(consoleFile, "console")
	if err := errors.Join(console.Send(socket, pty.Master), pty.Master.Close(), socket.Close()); err != nil {
		return nil, err
	}
	if !console.IsTerminal(os.Stderr) {
		return []uintptr{slave, slave, 2}, nil
	}
	return []uintptr{slave, slave, slave}, nil
}

// obey passes the parent's signals on. The parent's end is ours, and so everybody's.
func (i *initProcess) obey(orders *json.Decoder) {
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			_ = unix.Kill(-1, unix.SIGKILL) // wait then ends us
			return
		}
		if pid := i.command.Load(); pid > 0 {
			_ = unix.Kill(int(pid), unix.Signal(o.Signal)) // it may have ended
		}
	}
}

// wait reaps every process until the command ends, ends what is left, and tells.
func (i *initProcess) wait(started Started) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if int64(pid) == i.command.Load() {
			i.command.Store(0)
			return i.end(status, time.Since(started.At))
		}
	}
}

func (i *initProcess) end(status unix.WaitStatus, wall time.Duration) error {
	_ = unix.Kill(-1, unix.SIGKILL) // there may be nobody left
	for {
		if _, err := unix.Wait4(-1, nil, unix.WALL, nil); errors.Is(err, unix.ECHILD) {
			break
		}
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &used); err != nil {
		return err
	}
	if i.config.Writable {
		if err := i.root.changes(func(c Change) error { return i.parent.tell(message{Changed: &c}) }); err != nil {
			return fmt.Errorf("what was changed: %w", err)
		}
	}
	e := Ended{
		Code: status.ExitStatus(), Wall: wall, Memory: used.Maxrss << 10,
		User: time.Duration(used.Utime.Nano()), System: time.Duration(used.Stime.Nano()),
	}
	if status.Signaled() {
		e.Code = 128 + int(status.Signal())
	}
	return i.parent.tell(message{Ended: &e})
}

package shell

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/console"
)

// The descriptors that an init is started with.
const (
	controlFile = 3
	consoleFile = 4
	firstDoor   = 5 // of the control groups
)

// A program that was started as a shell's init is nothing else: it becomes that as soon as
// what it needs is initialized, and not when all packages of a large program are, which
// would take longer than all that it does. The init is its process namespace's first
// thread: what it gives up, and what it is seen as in /proc/1, is that thread's.
func init() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == Role:
		runtime.LockOSThread()
		os.Exit(become())
	case len(os.Args) == 3 && os.Args[1] == restRole:
		os.Exit(becomeRest(os.Args[2]))
	}
}

// become is the life of a process that becomes a shell's init; it returns the exit code.
func become() int {
	control := os.NewFile(controlFile, "control")
	i := &initProcess{control: control, parent: newTeller(control), running: make(chan struct{})}
	if err := i.run(); err != nil {
		_ = i.parent.tell(message{Failed: failed(err)}) // there may be nobody left to tell
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
	command atomic.Int64  // the process of the command
	running chan struct{} // closed when the command is known
}

func (i *initProcess) run() error {
	started := Started{Born: time.Now()}
	orders := gob.NewDecoder(i.control)
	if err := orders.Decode(&i.config); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	c := &i.config
	if err := ownIDs(); err != nil {
		return err
	}
	if err := i.isolateGroups(orders); err != nil {
		return err
	}
	var err error
	unix.Umask(0) // the caller's is for his files
	if i.root, err = build(c); err != nil {
		return err
	}
	if err := i.isolate(); err != nil {
		return err
	}
	started.Entered = time.Now()
	if started.User, started.Substituted, err = findIdentity(c); err != nil {
		return err
	}
	i.catch()
	files, err := i.terminal(started.User)
	if err != nil {
		return err
	}
	if err := i.start(&started, files); err != nil {
		return err
	}
	if c.attackable() {
		return i.passOn(started)
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
	if err := ownKeyring(); err != nil {
		return err
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

// ownKeyring leaves the caller's keys behind. The new keyring has no name: one with a
// name would be joined by every shell of this user.
func ownKeyring() error {
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("a session keyring: %w", err)
	}
	return nil
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
			Hint: "--user 0 runs as the image's root; " + c.UserHint,
		}
	}
	return Identity{Name: "root", Home: "/root"}, why, nil
}

// openAccounts opens a file of accounts. What is no regular file is as good as none, and
// so is one of ours, which a link of the image in /proc leads to.
func openAccounts(name string) (io.ReadCloser, error) {
	none := io.NopCloser(strings.NewReader(""))
	fd, err := unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return none, nil
	}
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) { // a socket, or a device
		return none, nil
	}
	if err != nil {
		return nil, &SetupError{Text: fmt.Sprintf("the image's %s: %v", name, err)}
	}
	f := os.NewFile(uintptr(fd), name)
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		_ = f.Close()
		return none, nil
	}
	return f, nil
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
func (i *initProcess) obey(orders *gob.Decoder) {
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

// catch keeps signals of the shell's own processes from ending this one, which they
// would all end with: those that are for the command go to it, as those of the parent do.
func (i *initProcess) catch() {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	signal.Reset(unix.SIGCHLD, unix.SIGURG, unix.SIGCONT, unix.SIGWINCH) // these end nobody
	go func() {
		for got := range signals {
			<-i.running // one of its own may come before
			pid := i.command.Load()
			if number, ok := got.(syscall.Signal); ok && pid > 0 && slices.Contains(passed, got) {
				_ = unix.Kill(int(pid), number) // it may have ended
			}
		}
	}()
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

package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cache/userns"
)

// ids are what is known of the ids that this user may have beside his own.
type ids struct {
	asked   bool
	mine    *userns.Map              // nil if there are none
	missing *userns.UnavailableError // why not
	// handOver is, in a process that only prepares for another, where to that hears.
	handOver *os.File
}

// userHint says what would give a shell users whom it does not have.
func (i *ids) userHint() string {
	if i.missing == nil {
		return "as root of the host (sudo), every user exists"
	}
	return fmt.Sprintf("%s: %s", i.missing.Text, i.missing.Remedy)
}

// ownerHint says what would keep owners, if they were not kept for want of it.
func (i *ids) ownerHint() string {
	if i.missing == nil || i.missing.Meant { // that was said
		return ""
	}
	return i.userHint()
}

// handOverRole is the argument by which this program knows that it prepares for another
// process of it.
const handOverRole = "prepare, and hand over"

// entered takes the arguments off by which a process knows that it was started in a user
// namespace. It reports whether there is no more to do, with the exit code.
func (p *program) entered(args []string) (rest []string, code int, done bool) {
	if len(args) == 0 || args[0] != userns.Role {
		return args, 0, false
	}
	args = args[1:]
	if err := userns.Enter(); err != nil {
		return nil, p.finish(context.Background(), err), true
	}
	if len(args) > 0 && args[0] == unpack.OwnerRole {
		return nil, unpack.OwnerMain(args[1:], p.stdout, p.stderr), true
	}
	if len(args) > 0 && args[0] == handOverRole {
		p.ids.handOver, args = os.NewFile(userns.FirstFile, "socket"), args[1:]
		unix.CloseOnExec(userns.FirstFile)
	}
	return args, 0, false
}

// own finds out, once, which ids this user has. That he was to have some, and has not,
// is said.
func (p *program) own() (*userns.Map, error) {
	i := &p.ids
	if i.asked {
		return i.mine, nil
	}
	m, err := userns.Mine()
	if errors.As(err, &i.missing) {
		if i.missing.Meant {
			p.warnIDs()
		}
		i.asked = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("subordinate ids: %w", err)
	}
	i.asked, i.mine = true, &m
	return i.mine, nil
}

func (p *program) warnIDs() {
	p.warn(fmt.Sprintf("%s: going on with your own id alone\n  %s", p.ids.missing.Text, p.ids.missing.Remedy))
}

// withIDs does something in which ids are used, and, where they turn out not to be had,
// does it without.
func (p *program) withIDs(do func() error) error {
	err := do()
	if !errors.As(err, &p.ids.missing) {
		return err
	}
	p.warnIDs()
	p.ids.asked, p.ids.mine = true, nil
	return do()
}

// snapshotKind says which directories the mounts of this user need, and with which ids
// he has to be started again to make them, if he has to.
func (p *program) snapshotKind() (o cache.SnapshotOptions, with *userns.Map, err error) {
	if os.Geteuid() == 0 && !inside() {
		return o, nil, nil
	}
	o.Rootless = true
	if os.Geteuid() == 0 {
		here, err := userns.Current()
		if here.Several() {
			o.IDs = here.Name()
		}
		return o, nil, err
	}
	if with, err = p.own(); with != nil {
		o.IDs = with.Name()
	}
	return o, with, err
}

// unpackAs says with which ids this program is to run again to unpack, if it is, and
// else whether all files are to be the user's.
func (p *program) unpackAs(f *unpackFlags) (again *userns.Map, keepOwner bool, err error) {
	if os.Geteuid() == 0 || f.rootless {
		return nil, f.rootless, nil
	}
	again, err = p.own()
	if again == nil && err == nil && f.owners {
		return nil, false, p.ids.missing
	}
	return again, again == nil, err
}

// again runs this command in a process that has all ids of the user, and is in the place
// of this one.
func (p *program) again(with *userns.Map, store storeFlags) error {
	if _, err := store.path(); err != nil { // root would find another
		return err
	}
	c, err := p.command(p.args)
	if err != nil {
		return err
	}
	stop, err := p.start(with, c)
	if err != nil {
		return err
	}
	defer stop()
	return childEnd(c.Wait())
}

// childEnd is how this program ended in another process, which has told why, unless it
// was killed.
func childEnd(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 {
		return &hostError{text: fmt.Sprintf("the process with the ids of this user: %v", exit)}
	}
	return commandEnd(err)
}

// command is this program once more, with the same streams and the same store.
func (p *program) command(args []string) (*exec.Cmd, error) {
	c := userns.Command(args...)
	c.Stdin, c.Stdout, c.Stderr, c.Env = p.stdin, p.stdout, p.stderr, os.Environ()
	// Root has other places for these.
	dir, err := filepath.Abs(cache.DefaultDir())
	if err == nil && cache.DefaultDir() != "" {
		c.Env = append(c.Env, "LAYERS_STORE="+dir)
	}
	if p.getenv("XDG_RUNTIME_DIR") == "" {
		c.Env = append(c.Env, "XDG_RUNTIME_DIR=/run/user/"+strconv.Itoa(os.Getuid()))
	}
	return c, err
}

// start starts such a command. What interrupts it is for it to decide, until stop.
func (p *program) start(with *userns.Map, c *exec.Cmd) (stop func(), err error) {
	signals := p.lend()
	if err := with.Start(c); err != nil {
		signals.end()
		return nil, err
	}
	passed := []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
	if !foreground() {
		passed = append(passed, syscall.SIGINT, syscall.SIGQUIT)
	}
	go signals.pass(c.Process, passed...)
	return signals.end, nil
}

// foreground reports whether a terminal sends what interrupts us to all that we start.
func foreground() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// inside reports whether this process is in a user namespace that is not the host's,
// where overlayfs keeps its marks elsewhere.
func inside() bool {
	here, err := userns.Current()
	whole := userns.Range{Count: 1<<32 - 1}
	return err == nil && (len(here.UIDs) != 1 || here.UIDs[0] != whole)
}

// idRules know why files cannot have their owners, or be removed.
var idRules = []rule{
	on(exitHost, func(e *userns.UnavailableError, m *message) { m.hint = e.Remedy }),
	on(exitHost, func(e *unpack.ForeignError, m *message) {
		m.hint = "sudo rm -rf " + e.Dir + ", or give this user back in /etc/subuid and /etc/subgid the ids that he had"
	}),
}

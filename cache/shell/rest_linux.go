package shell

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/seccomp"
)

// A command that keeps CAP_SYS_PTRACE can do what the init can: so the init must not be
// able to do more, and no thread of a Go program can take from the others what they have.
// It therefore starts itself once more, as a program with little, for the rest of its life.

// restRole is the first argument by which this program knows that it is such an init; the
// other is the descriptor that says of which.
const restRole = "init, of a shell that runs"

// rest is what an init has to know when the command runs.
type rest struct {
	Command  int
	Started  Started
	Writable bool
	Made     map[string]bool
	// Descriptors of what was changed; see built.
	Upper, Before, After int
}

// passOn is the end of this program: the same process goes on as becomeRest.
func (i *initProcess) passOn(started Started) error {
	b := i.root
	r := rest{
		Command: int(i.command.Load()), Started: started, Writable: i.config.Writable,
		Made: b.made, Upper: b.upper, Before: b.before, After: b.after,
	}
	told, err := unix.MemfdCreate("rest", 0)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(told), "rest")
	if err := gob.NewEncoder(f).Encode(r); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kept := []int{controlFile, told}
	if i.config.Writable {
		kept = append(kept, b.upper, b.before, b.after)
	}
	failed := make(chan error)
	go func() { failed <- i.become(kept, strconv.Itoa(told)) }()
	return <-failed
}

// become gives up what this thread has but for ending and reading what is the shell's,
// and starts the program on it, which ends all other threads.
func (i *initProcess) become(kept []int, told string) error {
	runtime.LockOSThread()
	if err := ownIDs(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if err := giveUp(i.config.Capabilities, "CAP_KILL", "CAP_DAC_READ_SEARCH"); err != nil {
		return err
	}
	filter, err := seccomp.Default(i.config.Capabilities)
	if err == nil {
		err = filter.Load()
	}
	if err != nil {
		return err
	}
	if err := i.root.notInjected; err != nil {
		return fmt.Errorf("this program: %w", err)
	}
	return fmt.Errorf("starting once more: %w", i.root.injected.become([]string{restRole, told}, kept))
}

// becomeRest is what an init does once its command runs, told by a descriptor's number.
func becomeRest(told string) int {
	control := os.NewFile(controlFile, "control")
	i := &initProcess{control: control, parent: newTeller(control), running: make(chan struct{})}
	if err := i.rest(told); err != nil {
		_ = i.parent.tell(message{Failed: failed(err)}) // there may be nobody left to tell
		return 1
	}
	return 0
}

func (i *initProcess) rest(told string) error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	fd, err := strconv.Atoi(told)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "rest")
	var r rest
	if err := errors.Join(gob.NewDecoder(f).Decode(&r), f.Close()); err != nil {
		return err
	}
	i.config.Writable = r.Writable
	i.root = &built{root: &root{made: r.Made}, upper: r.Upper, before: r.Before, after: r.After}
	i.command.Store(int64(r.Command))
	close(i.running)
	i.catch()
	if err := unix.Kill(r.Command, unix.SIGCONT); err != nil {
		return fmt.Errorf("letting the command begin: %w", err)
	}
	go i.obey(gob.NewDecoder(i.control))
	return i.wait(r.Started)
}

// attackable reports whether the command could use this process.
func (c *Config) attackable() bool { return slices.Contains(c.Capabilities, "CAP_SYS_PTRACE") }

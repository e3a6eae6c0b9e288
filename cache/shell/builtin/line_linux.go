package builtin

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// line is a line that was typed, while it runs.
type line struct {
	cancel   context.CancelFunc
	programs int // of the image that run; the mutex of interrupts guards it
}

type lineKey struct{}

// newLine is a context that an interrupt ends. Nothing else does: what a line leaves in
// the background goes on.
func newLine(ctx context.Context) (context.Context, *line) {
	l := &line{}
	ctx, l.cancel = context.WithCancel(ctx)
	return context.WithValue(ctx, lineKey{}, l), l
}

// lineOf is the line that a command is of; it is nil where nobody types.
func lineOf(ctx context.Context) *line {
	l, _ := ctx.Value(lineKey{}).(*line)
	return l
}

// interrupts makes the keys that interrupt end the line that runs, and not us. While
// programs of the image run they get these keys as well, and may have their own idea of
// what to do: then we ignore them, so that one that comes at the very end of a program
// is not taken for one that came after it.
type interrupts struct {
	mu      sync.Mutex
	signals chan os.Signal // nil where nobody types
	line    *line          // what runs
}

// obey begins to heed the keys.
func (i *interrupts) obey() {
	// What we ignore, programs ignore too: one that stops would never go on.
	signal.Ignore(unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signals = make(chan os.Signal, 1)
	i.settle()
	go func() {
		for range i.signals {
			i.interrupt()
		}
	}()
}

func (i *interrupts) heed() { signal.Notify(i.signals, unix.SIGINT, unix.SIGQUIT) }

// settle heeds the keys or ignores them, as is right for what runs now.
func (i *interrupts) settle() {
	switch {
	case i.signals == nil:
	case i.line != nil && i.line.programs > 0:
		signal.Ignore(unix.SIGINT, unix.SIGQUIT)
	default:
		i.heed()
	}
}

func (i *interrupts) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.line != nil && i.line.programs == 0 {
		i.line.cancel()
	}
}

// set says which line runs now; nil is none.
func (i *interrupts) set(l *line) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.line = l
	i.settle()
}

// start starts a program of the image for a line.
func (i *interrupts) start(l *line, program *exec.Cmd) error {
	if l == nil {
		return program.Start()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	defer i.settle()
	if i.signals != nil {
		i.heed() // what is ignored now, the program would ignore
	}
	if err := program.Start(); err != nil {
		return err
	}
	l.programs++
	return nil
}

// ended is told of a program's end, and of the signal that ended it, if one did. If it
// was an interrupt, that was meant for the line.
func (i *interrupts) ended(l *line, by syscall.Signal) {
	if l == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	l.programs--
	if by == unix.SIGINT {
		l.cancel()
	}
	i.settle()
}

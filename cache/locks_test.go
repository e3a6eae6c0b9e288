package cache

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLocksExcludeEachOther(t *testing.T) {
	s := testStore(t)
	other := reopen(t, s.Dir())
	for _, name := range []string{indexLock, layerLockPrefix + "x"} {
		var counter, inside atomic.Int64 // a flock orders processes, not goroutines
		var wg sync.WaitGroup
		for i := range 8 {
			store := s
			if i%2 == 1 {
				store = other
			}
			wg.Go(func() {
				for range 50 {
					l, err := store.lock(context.Background(), name, exclusive)
					if err != nil {
						t.Error(err)
						return
					}
					if inside.Add(1) != 1 {
						t.Error("two are inside")
					}
					counter.Add(1)
					inside.Add(-1)
					l.unlock()
				}
			})
		}
		wg.Wait()
		if n := counter.Load(); n != 400 {
			t.Errorf("counted %d", n)
		}
	}
	if _, err := os.Stat(s.path(lockDir, layerLockPrefix+"x")); err == nil {
		t.Error("the file of a layer's lock stays")
	}
}

func TestLocksCanBeShared(t *testing.T) {
	s := testStore(t)
	a, err := s.tryLock(gcLock, shared)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.tryLock(gcLock, shared)
	if err != nil || b == nil {
		t.Fatal("a second reader was kept out", err)
	}
	if c, err := s.tryLock(gcLock, exclusive); c != nil || err != nil {
		t.Fatal("a writer came in", err)
	}
	a.unlock()
	b.unlock()
	c, err := s.tryLock(gcLock, exclusive)
	if c == nil || err != nil {
		t.Fatal("the lock is not free", err)
	}
	c.unlock()
}

// A waiter says whom it waits for, and can be told to stop.
func TestLocksTellWhoHoldsThem(t *testing.T) {
	s := testStore(t)
	holder := startAs(t, "hold-lock", s.Dir(), indexLock)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var told string
	waiter := reopen(t, s.Dir(), func(o *Options) {
		o.Waiting = func(holder string) { told = holder; cancel() }
	})
	if _, err := waiter.lock(ctx, indexLock, exclusive); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if want := "process " + itoa(holder.Process.Pid) + " ("; !strings.HasPrefix(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	// The kernel opens the lock of a process that is killed.
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	_ = in.Close()
	l, err := s.lock(context.Background(), indexLock, exclusive)
	if err != nil {
		t.Fatal(err)
	}
	l.unlock()
}

func init() {
	roles["hold-lock"] = func(args []string) error {
		s, err := Open(args[0], Options{})
		if err != nil {
			return err
		}
		if _, err := s.lock(context.Background(), args[1], exclusive); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString("x"); err != nil {
			return err
		}
		_, err = os.Stdin.Read(make([]byte, 1)) // until the end
		return err
	}
}

package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// The locks, in the order in which a process may wait for them while it holds
// another: it never waits for a layer's lock with any other lock in its hands.
const (
	indexLock = "index" // exclusive: writing index.json
	gcLock    = "gc"    // shared: making a lease; exclusive: sweeping
)

// The ways to hold a lock.
const (
	shared    = unix.LOCK_SH
	exclusive = unix.LOCK_EX
)

const (
	layerLockPrefix    = "layer-"
	snapshotLockPrefix = "snapshot-"
)

// isOnce reports whether a lock's file goes with the lock: there are as many as layers.
func isOnce(name string) bool {
	return strings.HasPrefix(name, layerLockPrefix) || strings.HasPrefix(name, snapshotLockPrefix)
}

// snapshotLock is held, exclusively, by whoever makes the snapshot.
func snapshotLock(name string) string { return snapshotLockPrefix + name }

// layerLock is held, exclusively, by whoever brings or reads the layer.
func layerLock(digest v1.Hash) string { return layerLockPrefix + digest.Hex }

// fileLock is a lock that this process holds.
type fileLock struct {
	f    *os.File
	once bool // the file is removed with the lock
}

// lock waits for a lock. how is shared or exclusive. Two locks of one
// process exclude each other as those of two processes do.
func (s *Store) lock(ctx context.Context, name string, how int) (*fileLock, error) {
	const longest = 100 * time.Millisecond
	told := ""
	// flock cannot be interrupted by a context, so it is asked again and again.
	for wait, waited := time.Millisecond, time.Duration(0); ; wait = min(2*wait, longest) {
		l, err := s.tryLock(name, how)
		if l != nil || err != nil {
			return l, err
		}
		if holder := s.holder(name); waited >= longest && holder != told {
			told = holder
			s.talk.wait(holder)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("waiting for %s: %w", s.holder(name), err)
		}
		waited += wait
	}
}

// tryLock returns nil and no error if somebody else holds the lock.
func (s *Store) tryLock(name string, how int) (*fileLock, error) {
	path := s.path(lockDir, name)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, s.writing(err)
		}
		got, err := flock(f, how)
		if err != nil || !got {
			return nil, errors.Join(err, f.Close())
		}
		// A holder removes its file before it lets go, so what was locked here
		// may be a file without a name, which locks nothing.
		if sameFile(f, path) {
			l := &fileLock{f: f, once: isOnce(name)}
			return l, l.sign(how)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// sign writes who holds the lock. A full disk is no reason not to hold it.
func (l *fileLock) sign(how int) error {
	if how != exclusive {
		return nil
	}
	if _, err := l.f.WriteAt(signature(thisProcess()), 0); err != nil && !isFull(err) {
		return errors.Join(err, l.f.Close())
	}
	if err := l.f.Truncate(signatureSize); err != nil && !isFull(err) {
		return errors.Join(err, l.f.Close())
	}
	return nil
}

// signatureSize is the size of the file of a lock that somebody held: the same for all,
// so that the store weighs the same whoever was at work last.
const signatureSize = 256

func signature(holder string) []byte {
	text := bytes.Repeat([]byte{' '}, signatureSize)
	text[signatureSize-1] = '\n'
	copy(text[:signatureSize-1], holder)
	return text
}

// initLocks signs the locks that stay, so that the store has its weight from the start.
func (s *Store) initLocks() error {
	for _, name := range []string{indexLock, gcLock} {
		if fi, err := os.Lstat(s.path(lockDir, name)); err == nil && fi.Size() > 0 {
			continue
		}
		l, err := s.tryLock(name, exclusive)
		if err != nil {
			return err
		}
		if l != nil {
			l.unlock()
		}
	}
	return nil
}

func (l *fileLock) unlock() {
	if l.once {
		_ = os.Remove(l.f.Name()) // else it is there for the next one
	}
	_ = l.f.Close()
}

// holder says for people who holds, or last held, a lock.
func (s *Store) holder(name string) string {
	data, err := os.ReadFile(s.path(lockDir, name))
	if text := strings.TrimSpace(string(data)); err == nil && text != "" && len(text) < 1000 {
		return strings.ToValidUTF8(text, "")
	}
	return "another process"
}

func thisProcess() string {
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	command := strings.ToValidUTF8(fmt.Sprintf("%.200s", strings.Join(args, " ")), "")
	return fmt.Sprintf("process %d (%s)", os.Getpid(), command)
}

// flock asks for the lock on an open file, and does not wait.
func flock(f *os.File, how int) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("locking %s: %w", f.Name(), err)
		}
	}
}

func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

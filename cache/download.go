package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/layers/layers/cache/layer"
)

// How often a body that breaks off is taken up again.
const (
	fruitless  = 5       // attempts in a row that bring nothing
	smallGain  = 1 << 20 // an attempt that brings less than this …
	smallGains = 100     // … may happen so often for one blob
)

// download brings a blob into a file, at full speed, and lets a reader follow
// behind. It never waits for the reader.
type download struct {
	store *Store
	part  *part
	file  *os.File

	mu    sync.Mutex
	more  sync.Cond
	have  int64 // bytes from the start that the reader may read
	ended bool
	err   error

	resumed bool // whether the bytes come from more than one answer
}

func newDownload(s *Store, p *part, f *os.File, have int64) *download {
	d := &download{store: s, part: p, file: f, have: have, resumed: have > 0}
	d.more.L = &d.mu
	return d
}

// run downloads to the end, or to an error that it makes no sense to fight. What
// is there then is on the disk.
func (d *download) run(ctx context.Context) {
	err := d.bring(ctx)
	if err == nil {
		err = d.store.writing(d.file.Sync())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended, d.err = true, err
	d.more.Broadcast()
}

func (d *download) bring(ctx context.Context) error {
	if d.have > 0 {
		d.tell(Resuming, nil)
	}
	none, small := 0, 0
	for d.have < d.part.size {
		before := d.have
		err := d.attempt(ctx)
		var cut *cutError
		if !errors.As(err, &cut) {
			return err
		}
		if d.have == before {
			none++
		} else {
			none = 0
		}
		if d.have-before < smallGain {
			small++
		}
		if none >= fruitless || small >= smallGains {
			return fmt.Errorf("giving up after %d of %d bytes: %w", d.have, d.part.size, cut.err)
		}
		d.resumed = d.resumed || d.have > 0
		d.tell(Retrying, cut.err)
		if err := sleep(ctx, d.store.pause(none)); err != nil {
			return err
		}
	}
	return nil
}

// backoff is how long to wait after n attempts in a row that brought nothing.
func backoff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(200*time.Millisecond<<n, 5*time.Second)
}

// cutError is an error in a body, after which the download can go on.
type cutError struct{ err error }

// Error is that of the body.
func (e *cutError) Error() string { return e.err.Error() }

// Unwrap returns the body's error.
func (e *cutError) Unwrap() error { return e.err }

var errStalled = errors.New("the source has stopped sending")

// attempt takes one answer of the source. The source itself repeats requests that
// fail, so an error in opening is final.
func (d *download) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, start, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	watch := time.AfterFunc(d.store.stall, func() { cancel(errStalled) })
	defer watch.Stop()
	alive := &aliveReader{r: body, beat: func() { watch.Reset(d.store.stall) }}
	if start > d.have || start < 0 {
		return fmt.Errorf("the source sends from byte %d on, not from %d", start, d.have)
	}
	// What is here already was sent before; the digest tells if it was something else.
	if _, err := io.CopyN(io.Discard, alive, d.have-start); err != nil {
		return d.cut(ctx, err)
	}
	return d.take(ctx, alive)
}

func (d *download) open(ctx context.Context) (io.ReadCloser, int64, error) {
	if r, ok := d.part.source.(Resumer); ok {
		return r.CompressedFrom(ctx, d.have)
	}
	body, err := d.part.source.Compressed()
	return body, 0, err
}

// take writes a body to the file. It asks for one byte more than there should be.
func (d *download) take(ctx context.Context, body io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := io.ReadAtLeast(body, buf, len(buf)/4)
		if over := d.have + int64(n) - d.part.size; over > 0 {
			return &layer.MismatchError{What: "size",
				Want: strconv.FormatInt(d.part.size, 10), Got: "at least " + strconv.FormatInt(d.have+int64(n), 10)}
		}
		if n > 0 {
			if _, err := d.file.WriteAt(buf[:n], d.have); err != nil {
				return d.store.writing(err)
			}
			d.grow(int64(n))
		}
		switch {
		case err == nil && ctx.Err() == nil:
		case d.have == d.part.size:
			return nil // all is here, however the answer ended
		default:
			return d.cut(ctx, err)
		}
	}
}

// cut says what the end of a body before its time means: that the caller wants to
// stop, or that another attempt may help.
func (d *download) cut(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == errStalled:
		return &cutError{cause}
	case cause != nil:
		return cause
	case err == nil || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return &cutError{fmt.Errorf("cut after %d of %d bytes: %w", d.have, d.part.size, io.ErrUnexpectedEOF)}
	}
	return &cutError{err}
}

func (d *download) grow(n int64) {
	d.mu.Lock()
	d.have += n
	d.more.Broadcast()
	d.mu.Unlock()
	d.tell(Downloading, nil)
}

func (d *download) tell(step Step, err error) {
	e := d.part.event(step, d.have)
	e.Err = err
	d.store.talk.event(e)
}

// aliveReader tells of every sign of life.
type aliveReader struct {
	r    io.Reader
	beat func()
}

// Read tells of each byte that comes, before the caller has it.
func (a *aliveReader) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		a.beat()
	}
	return n, err
}

// follower reads a download from its first byte, behind it. At the end it returns
// the download's error, or io.EOF.
type follower struct {
	d   *download
	pos int64
}

// Read waits for bytes that are not there yet.
func (f *follower) Read(p []byte) (int, error) {
	d := f.d
	d.mu.Lock()
	for f.pos == d.have && !d.ended {
		d.more.Wait()
	}
	left, err := d.have-f.pos, d.err
	d.mu.Unlock()
	if left == 0 && err == nil {
		err = io.EOF
	}
	if left == 0 {
		return 0, err
	}
	n, err := d.file.ReadAt(p[:min(int64(len(p)), left)], f.pos)
	f.pos += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the file is shorter than what was written to it
	}
	return n, err
}

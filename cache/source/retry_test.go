package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

var testNow = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// fakeTime is timing that does not pass. It remembers the waits; a watchdog goes off
// when the test says so.
type fakeTime struct {
	timing
	mu    sync.Mutex
	slept []time.Duration
}

func newFakeTime() *fakeTime {
	f := &fakeTime{timing: realTiming}
	f.now = func() time.Time { return testNow }
	f.jitter = func(d time.Duration) time.Duration { return d }
	f.sleep = func(ctx context.Context, d time.Duration) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.slept = append(f.slept, d)
		return ctx.Err()
	}
	return f
}

func (f *fakeTime) waits() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.slept)
}

func TestRetryBacksOffAndEnds(t *testing.T) {
	f := newFakeTime()
	told := 0
	fault := fmt.Errorf("reading: %w", syscall.ECONNRESET)
	err := f.retry(context.Background(), 4, func(err error) {
		told++
		if !errors.Is(err, fault) {
			t.Errorf("told of %v", err)
		}
	}, func() error { return fault })
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}
	if !errors.Is(err, fault) || told != 3 || !slices.Equal(f.waits(), want) {
		t.Errorf("%v, told %d times, waited %v", err, told, f.waits())
	}
}

func TestRetryCancelled(t *testing.T) {
	f := newFakeTime()
	ctx, cancel := context.WithCancel(context.Background())
	err := f.retry(ctx, 4, func(error) { cancel() }, func() error { return io.ErrUnexpectedEOF })
	if !errors.Is(err, context.Canceled) || len(f.waits()) != 1 {
		t.Errorf("%v after %v", err, f.waits())
	}
}

func TestRealSleepIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := realTiming.sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := realTiming.sleep(context.Background(), 0); err != nil {
		t.Error(err)
	}
	for range 100 {
		if d := realTiming.jitter(time.Second); d < time.Second/2 || d > time.Second {
			t.Errorf("a wait of a second became %v", d)
		}
	}
}

func TestWait(t *testing.T) {
	status := func(code int, header ...string) error {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return fmt.Errorf("asking: %w", &statusError{status: code, header: h})
	}
	date := func(d time.Duration) string { return testNow.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		n     int
		err   error
		wait  time.Duration
		again bool
	}{
		{1, status(503), time.Second / 2, true},
		{2, status(500), time.Second, true},
		{60, status(502), time.Minute, true},
		{1, status(408), time.Second / 2, true},
		{1, status(501), 0, false},
		{1, status(404), 0, false},
		{1, status(429, "Retry-After", "7"), 7 * time.Second, true},
		{1, status(429, "Retry-After", "0"), 0, true},
		{1, status(429, "Retry-After", "-5"), 0, true},
		{1, status(429, "Retry-After", date(9*time.Second)), 9 * time.Second, true},
		{1, status(429, "Retry-After", date(-time.Hour)), 0, true},
		{1, status(429, "Retry-After", "soon"), time.Second / 2, true},
		{1, status(429, "Retry-After", "61"), 61 * time.Second, false},
		{1, status(503, "Retry-After", "9223372036854775807"), 366 * 24 * time.Hour, false},
		{1, status(429, "RateLimit-Remaining", "0;w=21600"), 0, false},
		{1, status(429, "RateLimit-Remaining", "3;w=21600"), time.Second / 2, true},
		{1, status(429, "RateLimit-Remaining", "0;w=60", "Retry-After", "2"), 2 * time.Second, true},
		{1, io.ErrUnexpectedEOF, time.Second / 2, true},
		{1, errStalled, time.Second / 2, true},
		{1, &net.OpError{Err: syscall.ECONNRESET}, time.Second / 2, true},
		{1, &net.OpError{Err: syscall.ECONNREFUSED}, 0, false},
		{1, &net.DNSError{IsTimeout: true}, time.Second / 2, true},
		{1, &net.DNSError{IsNotFound: true}, 0, false},
		{1, errors.New("http2: server sent GOAWAY"), time.Second / 2, true},
		{1, errors.New("x509: unknown authority"), 0, false},
	} {
		wait, again := newFakeTime().wait(c.n, c.err)
		if wait != c.wait || again != c.again {
			t.Errorf("failure %d, %v %+v: %v, %v", c.n, c.err, c.err, wait, again)
		}
	}
}

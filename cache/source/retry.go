package source

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// timing holds every wait of this package, so that tests need not sleep.
type timing struct {
	attempts int           // of one request, the first included
	first    time.Duration // the wait after the first failure; it doubles
	longest  time.Duration // no wait is longer; a server that asks for more is given up
	stall    time.Duration // without a byte, after which a connection is taken for dead
	helper   time.Duration // that a credential helper may take
	now      func() time.Time
	sleep    func(ctx context.Context, d time.Duration) error
	// after calls f once d has passed, unless stop is called before.
	after  func(d time.Duration, f func()) (stop func() bool)
	jitter func(d time.Duration) time.Duration
}

var realTiming = timing{
	attempts: 4,
	first:    500 * time.Millisecond,
	longest:  time.Minute,
	stall:    time.Minute,
	helper:   30 * time.Second,
	now:      time.Now,
	sleep:    sleep,
	after: func(d time.Duration, f func()) func() bool {
		return time.AfterFunc(d, f).Stop
	},
	// Half of a wait is random, so that many clients that were cut off together
	// do not come back together.
	jitter: func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) },
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// retry calls try until it succeeds, fails for good, or the attempts are used up.
// Before each wait it calls notify with what went wrong.
func (t *timing) retry(ctx context.Context, attempts int, notify func(error), try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if err == nil {
			return nil
		}
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		wait, again := t.wait(n, err)
		if !again || n >= attempts {
			return err
		}
		notify(err)
		if err := t.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// wait says how long to wait after the n-th failure, and whether to try again at all.
func (t *timing) wait(n int, err error) (time.Duration, bool) {
	if !transient(err) {
		return 0, false
	}
	var status *statusError
	if errors.As(err, &status) {
		if after, ok := retryAfter(status.header, t.now()); ok {
			return after, after <= t.longest
		}
		if status.limits().exhausted {
			return 0, false
		}
	}
	d := t.first
	for i := 1; i < n && d < t.longest; i++ {
		d *= 2
	}
	return t.jitter(min(d, t.longest)), true
}

// retryAfter reads a Retry-After header, which is seconds or an HTTP date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if s == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		const most = int64(366 * 24 * time.Hour / time.Second)
		return time.Duration(min(max(seconds, 0), most)) * time.Second, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

var errStalled = errors.New("the connection stalled")

// transient says whether the same request may well succeed in a moment. A refused
// connection and a host that does not exist are not: waiting seconds for them
// only hides the message.
func transient(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return temporaryStatus(status.status)
	}
	if errors.Is(err, errStalled) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	for _, e := range []error{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return !dns.IsNotFound
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return true
	}
	// The HTTP/2 errors of net/http have no exported type.
	s := err.Error()
	return strings.Contains(s, "http2: ") || strings.Contains(s, "stream error: ")
}

// watchdog cancels a context when nothing has happened for a while. It watches
// only between start and stop, so that a slow consumer is not taken for a stalled
// connection. It is not safe for concurrent use.
type watchdog struct {
	t      *timing
	cancel context.CancelCauseFunc
	stop   func() bool
}

// watch returns a context that a watchdog, not yet started, may cancel.
func (t *timing) watch(ctx context.Context) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &watchdog{t: t, cancel: cancel}
}

func (w *watchdog) start() {
	w.stop = w.t.after(w.t.stall, func() { w.cancel(errStalled) })
}

func (w *watchdog) rest() { w.stop() }

// end releases the context.
func (w *watchdog) end() { w.cancel(context.Canceled) }

// stalled replaces the error of a cancelled operation by its cause.
func stalled(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

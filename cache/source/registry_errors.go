package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// explain makes of what went wrong one of this package's errors.
func (c *client) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	var status *statusError
	var odd *oddError
	var certificate *tls.CertificateVerificationError
	switch {
	case isExplained(err):
		return err
	// Before the status: where HTTPS fails for its certificate, a local registry is
	// asked by HTTP, and answers 400 to that.
	case errors.As(err, &certificate):
		return &UnavailableError{
			Name: c.image, Err: fmt.Errorf("%s: %w", c.endpoint, certificate),
			Detail: []string{"with --tls-verify=false any certificate is trusted"},
		}
	case errors.As(err, &status):
		return c.explainStatus(status)
	case errors.As(err, &odd):
		return &ProtocolError{Name: c.image, Host: c.endpoint, Reason: odd.reason}
	case errors.Is(err, errNeedsPlain) || errors.Is(err, http.ErrSchemeMismatch) && !plainAllowed(c.endpoint, c.o):
		return &UnavailableError{
			Name: c.image, Err: fmt.Errorf("%s: %w", c.endpoint, errNeedsPlain),
			Detail: []string{"with --plain-http it is asked by HTTP"},
		}
	case isNetwork(err):
		return c.cutShort(err)
	}
	return &ProtocolError{Name: c.image, Host: c.endpoint, Reason: "does not answer as a registry: " + oneLine(err.Error(), 300)}
}

// isExplained says that err is one of this package's errors already.
func isExplained(err error) bool {
	for _, target := range []any{
		new(*NotFoundError), new(*PlatformError), new(*AuthError), new(*TemporaryError), new(*KindError),
		new(*MalformedError), new(*UnavailableError), new(*DigestError), new(*ProtocolError),
	} {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}

func isNetwork(err error) bool {
	var netErr net.Error // *url.Error is one, too
	return errors.As(err, &netErr) || transient(err)
}

// cutShort is for connections that did not come about or broke.
func (c *client) cutShort(err error) error {
	reason := err
	var uerr *url.Error
	// The URL can be a signed one, which is a secret.
	if errors.As(err, &uerr) && !errors.Is(uerr.Err, http.ErrSchemeMismatch) {
		reason = uerr.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		reason = fmt.Errorf("the connection was cut: %w", io.ErrUnexpectedEOF)
	}
	return &TemporaryError{Name: c.image, Host: c.endpoint, Err: reason}
}

func (c *client) explainStatus(e *statusError) error {
	switch {
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		return c.explainRefusal(e)
	case e.status == http.StatusNotFound && !e.auth:
		return &NotFoundError{Name: c.image, Reason: c.notFoundReason(e), Detail: c.hints()}
	case temporaryStatus(e.status):
		return c.explainTemporary(e)
	}
	return &ProtocolError{
		Name: c.image, Host: c.endpoint, Reason: "answered " + e.Error(),
		Detail: []string{"it was asked for " + e.path},
	}
}

func (c *client) notFoundReason(e *statusError) string {
	switch e.code {
	case "MANIFEST_UNKNOWN":
		return "no such tag or digest in " + c.endpoint
	case "NAME_UNKNOWN":
		return "no such image in " + c.endpoint
	}
	return fmt.Sprintf("not found (404 from %s)", c.endpoint)
}

// explainRefusal names both causes that a 401 can have. Without credentials, a
// registry that gives tokens to anybody means rather the second.
func (c *client) explainRefusal(e *statusError) error {
	c.mu.Lock()
	tried := c.refused
	c.mu.Unlock()
	var detail []string
	if tried != nil {
		detail = append(detail, fmt.Sprintf("asked as %s (%s), which was refused, and without credentials", tried.user(), tilde(tried.from)))
	} else {
		detail = append(detail, "asked without credentials: "+c.keys.looked(c.host))
	}
	if e.message != "" {
		detail = append(detail, fmt.Sprintf("%s says: %s", e.host, e.message))
	}
	detail = append(detail, c.hints()...)
	if tried == nil && !e.basic {
		reason := fmt.Sprintf("not found, or private (%d from %s)", e.status, c.endpoint)
		return &NotFoundError{Name: c.image, Reason: reason, Detail: detail}
	}
	return &AuthError{
		Name: c.image, Host: c.endpoint, Detail: detail,
		Err: fmt.Errorf("it is private, or there is no such image (%d)", e.status),
	}
}

// hints are for who meant something else than a name in a registry.
func (c *client) hints() []string {
	var lines []string
	if c.host == hub && c.repo == hubLibrary+"docker" {
		tag := strings.TrimPrefix(c.image, "docker:")
		lines = append(lines, fmt.Sprintf("if %s is the image: layers … docker://%s", tag, tag))
	}
	if c.file != "" && !isPath(c.file) {
		if _, err := os.Lstat(c.file); err == nil {
			lines = append(lines, "there is a file of that name; a file is written ./"+c.file)
		}
	}
	return lines
}

func (c *client) explainTemporary(e *statusError) error {
	err := &TemporaryError{Name: c.image, Host: c.endpoint, Err: e}
	now := c.o.waits().now()
	after, ok := retryAfter(e.header, now)
	limits := e.limits()
	if !ok && limits.reset > 0 {
		after = limits.reset
	}
	err.After = after
	if e.status != http.StatusTooManyRequests {
		return err
	}
	err.Detail = append(err.Detail, "asked "+c.who(e.header))
	if limits.line != "" {
		err.Detail = append(err.Detail, limits.line)
	}
	if after > 0 {
		err.Detail = append(err.Detail, fmt.Sprintf("try again in %v, at %s", after, now.Add(after).Format(time.RFC3339)))
	}
	return err
}

// who says as whom a registry was asked.
func (c *client) who(h http.Header) string {
	c.mu.Lock()
	cred := c.cred
	c.mu.Unlock()
	who := "without credentials, for which limits are lower"
	if cred != nil {
		who = fmt.Sprintf("as %s (%s)", cred.user(), tilde(cred.from))
	}
	if source := oneLine(h.Get("Docker-RateLimit-Source"), 80); source != "" {
		who += "; counted for " + source
	}
	return who
}

// rateLimits is what a registry tells of its limits.
type rateLimits struct {
	line      string        // for people; "" if it tells nothing
	exhausted bool          // nothing is left
	reset     time.Duration // until the count starts again; 0 if it does not tell
}

// limits reads the RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset headers,
// which Docker Hub sends as "100;w=21600", the window in seconds.
func (e *statusError) limits() rateLimits {
	var l rateLimits
	left, window, ok := rateHeader(e.header, "RateLimit-Remaining")
	if !ok {
		return l
	}
	l.exhausted = left == 0
	l.line = fmt.Sprintf("%d requests are left", left)
	if most, w, ok := rateHeader(e.header, "RateLimit-Limit"); ok {
		l.line = fmt.Sprintf("%d of %d requests are left", left, most)
		window = max(w, window)
	}
	if window > 0 {
		l.line += fmt.Sprintf(" in each %v", window)
	}
	if seconds, _, ok := rateHeader(e.header, "RateLimit-Reset"); ok {
		l.reset = time.Duration(seconds) * time.Second
	}
	return l
}

func rateHeader(h http.Header, key string) (value int64, window time.Duration, ok bool) {
	first, params, _ := strings.Cut(h.Get(key), ";")
	value, err := strconv.ParseInt(strings.TrimSpace(first), 10, 32)
	if err != nil || value < 0 {
		return 0, 0, false
	}
	if w, found := strings.CutPrefix(strings.TrimSpace(params), "w="); found {
		if seconds, err := strconv.ParseInt(w, 10, 32); err == nil {
			window = time.Duration(seconds) * time.Second
		}
	}
	return value, window, true
}

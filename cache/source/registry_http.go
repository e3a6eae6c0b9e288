package source

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	answerLimit   = 64 << 10 // bytes of an error's body that are read
	redirectLimit = 10
)

// newHTTP makes the connections of one Open. Nothing is decompressed on the way:
// digests are of the bytes as they are sent.
func newHTTP(o *Options) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = 16
	t.MaxResponseHeaderBytes = 1 << 20
	// A dead HTTP/2 connection would otherwise be used again for every new attempt.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second}
	if o.SkipTLSVerify {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	return t
}

// edge is the innermost transport of a client. It sees also what the authentication
// around it asks for: the first contact and tokens.
type edge struct {
	inner    http.RoundTripper
	endpoint string // host[:port] of the registry
	o        *Options
}

var errNeedsPlain = errors.New("it speaks HTTP and not HTTPS")

// RoundTrip returns temporary statuses as errors, so that they are tried again, and
// bounds the answers that the library reads whole.
func (e *edge) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := e.withScheme(req)
	if err != nil {
		return nil, err
	}
	resp, err := e.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if temporaryStatus(resp.StatusCode) {
		return nil, readStatus(resp)
	}
	if req.Header.Get("Accept-Encoding") == ownEncoding {
		return resp, nil
	}
	if err := tame(resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// ownEncoding is asked for by each request for a part of an image, and by none that
// the library makes to authenticate.
const ownEncoding = "identity"

// tame bounds the answer to a request of the authentication, which the library reads
// to its end whatever its length, and takes new refresh tokens from it, which the
// library would store without a lock while other layers read the old.
func tame(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if len(raw) > answerLimit {
		return &oddError{fmt.Sprintf("answered %s with more than %d bytes", resp.Request.URL.Path, answerLimit)}
	}
	var token map[string]json.RawMessage
	if json.Unmarshal(raw, &token) == nil && token["refresh_token"] != nil {
		delete(token, "refresh_token")
		if raw, err = json.Marshal(token); err != nil {
			return err
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return nil
}

// withScheme does what --plain-http says, and keeps credentials and names from the
// open wire otherwise: the library around falls back to HTTP for private addresses,
// which nobody has asked for.
func (e *edge) withScheme(req *http.Request) (*http.Request, error) {
	switch {
	case req.URL.Host != e.endpoint:
	case req.URL.Scheme == "http" && !plainAllowed(e.endpoint, e.o):
		return nil, errNeedsPlain
	case e.o.PlainHTTP:
		req = req.Clone(req.Context())
		req.URL.Scheme = "http"
	}
	return req, nil
}

// plainAllowed says whether a registry may be asked by HTTP.
func plainAllowed(endpoint string, o *Options) bool {
	return o.PlainHTTP || o.SkipTLSVerify || isLocal(endpoint)
}

func isLocal(endpoint string) bool {
	host := endpoint
	if h, _, err := net.SplitHostPort(endpoint); err == nil {
		host = h
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local")
}

// oddError says that a server did what no registry does.
type oddError struct{ reason string }

// Error goes on where a host was named: "redirected …".
func (e *oddError) Error() string { return e.reason }

// checkRedirect follows redirects, but not from HTTPS down to HTTP.
func checkRedirect(o *Options) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) >= redirectLimit {
			return &oddError{fmt.Sprintf("redirected more than %d times", redirectLimit)}
		}
		down := req.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https"
		if down && !plainAllowed(req.URL.Host, o) {
			return &oddError{fmt.Sprintf("redirected from HTTPS to %s://%s", req.URL.Scheme, req.URL.Host)}
		}
		return nil
	}
}

// statusError is an answer that is not the one that was hoped for.
type statusError struct {
	status  int
	host    string
	path    string
	basic   bool // it lets in nobody without a password
	header  http.Header
	code    string // of the distribution specification: "MANIFEST_UNKNOWN"
	message string // what the server says about it, on one line
	auth    bool   // the answer is to the authentication
	cause   error  // what else went wrong before
}

// Unwrap returns what else went wrong before; nil if nothing did.
func (e *statusError) Unwrap() error { return e.cause }

// Error is the status and what the server says about it, on one line.
func (e *statusError) Error() string {
	s := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	if e.message != "" && e.message != http.StatusText(e.status) {
		s += ": " + e.message
	}
	return s
}

func (e *statusError) setRequest(req *http.Request) {
	if req != nil {
		e.host, e.path = req.URL.Host, req.URL.Path
	}
}

func temporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// refused says that a server wants other credentials.
func refused(err error) bool {
	var status *statusError
	return errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden)
}

// readStatus makes an error of an answer, and closes it.
func readStatus(resp *http.Response) *statusError {
	defer resp.Body.Close()
	// What cannot be read of an explanation does not matter.
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	e := &statusError{status: resp.StatusCode, header: resp.Header}
	e.setRequest(resp.Request)
	e.basic = strings.HasPrefix(strings.ToLower(resp.Header.Get("WWW-Authenticate")), "basic")
	var answer struct {
		Errors  []transport.Diagnostic `json:"errors"`
		Details string                 `json:"details"` // Docker Hub's token server
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err == nil && len(answer.Errors) > 0:
		e.code, e.message = string(answer.Errors[0].Code), answer.Errors[0].Message
	case err == nil:
		e.message = answer.Details
	case isHTML(resp.Header, raw):
		e.message = "an HTML page" + htmlTitle(raw)
	default:
		e.message = string(raw)
	}
	e.message = oneLine(e.message, 200)
	return e
}

// plainError brings the errors of the library around to ours.
func plainError(err error) error {
	var terr *transport.Error
	if !errors.As(err, &terr) {
		return err
	}
	e := &statusError{status: terr.StatusCode, auth: true, cause: err}
	e.setRequest(terr.Request)
	if len(terr.Errors) > 0 {
		e.code, e.message = string(terr.Errors[0].Code), oneLine(terr.Errors[0].Message, 200)
	}
	return e
}

func isHTML(h http.Header, raw []byte) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/html") ||
		strings.HasPrefix(strings.TrimSpace(string(raw[:min(len(raw), 512)])), "<")
}

func htmlTitle(raw []byte) string {
	_, rest, ok := strings.Cut(string(raw[:min(len(raw), answerLimit)]), "<title>")
	title, _, closed := strings.Cut(rest, "</title>")
	if title = oneLine(title, 80); !ok || !closed || title == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", title)
}

// oneLine makes what a server sent fit for a line of an error.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	engineWait    = 10 * time.Second // to connect, and for an answer to a ping
	maxEngineJSON = 64 << 20         // a list of images
)

// engineClient speaks to one engine. The API's paths have no version: Docker and
// Podman then take their own.
type engineClient struct {
	engineEndpoint
	base string // "http://engine", "https://host:2376"
	http *http.Client
	pool *http.Transport
}

func newEngineClient(e engineEndpoint) *engineClient {
	dialer := &net.Dialer{Timeout: engineWait}
	c := &engineClient{engineEndpoint: e, pool: &http.Transport{TLSClientConfig: e.tls, DisableCompression: true}}
	c.http = &http.Client{Transport: c.pool}
	if path, ok := strings.CutPrefix(e.addr, "unix://"); ok {
		c.base = "http://engine"
		c.pool.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		return c
	}
	c.pool.DialContext = dialer.DialContext
	c.pool.Proxy = http.ProxyFromEnvironment
	rest, isTCP := strings.CutPrefix(e.addr, "tcp://")
	switch {
	case !isTCP: // http:// or https://
		c.base = strings.TrimSuffix(e.addr, "/")
	case e.tls != nil:
		c.base = "https://" + strings.TrimSuffix(rest, "/")
	default:
		c.base = "http://" + strings.TrimSuffix(rest, "/")
	}
	return c
}

// Close ends the idle connections.
func (c *engineClient) Close() error {
	c.pool.CloseIdleConnections()
	return nil
}

// engineError is an answer other than 200.
type engineError struct {
	status  int
	message string
}

// Error is what the engine says, and the status.
func (e *engineError) Error() string { return fmt.Sprintf("%s (%d)", e.message, e.status) }

// get returns the body of an answer with status 200, else an *engineError.
func (c *engineClient) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	var said struct{ Message, Cause string }
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		said.Message = fmt.Sprintf("%.200s", strings.TrimSpace(strings.ToValidUTF8(string(raw), "\uFFFD")))
	}
	return nil, &engineError{status: res.StatusCode, message: said.Message}
}

func (c *engineClient) getJSON(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxEngineJSON+1))
	if err != nil {
		return err
	}
	return unmarshal(raw, maxEngineJSON, into)
}

// version asks for the engine's version, which also shows that there is one.
func (c *engineClient) version(ctx context.Context) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	var v struct {
		Version    string
		Components []struct{ Name string }
	}
	if err := c.getJSON(ctx, "/version", &v); err != nil {
		return "", plainDialError(err)
	}
	if v.Version == "" {
		return "", errors.New("what answers is not a container engine")
	}
	if len(v.Components) > 0 && strings.HasPrefix(v.Components[0].Name, "Podman") {
		return "Podman " + v.Version, nil
	}
	return v.Version, nil
}

// errNoSocket is an fs.ErrNotExist that says what is not there.
var errNoSocket error = noSocketError{}

type noSocketError struct{}

// Error leaves out the path, which who wraps it knows.
func (noSocketError) Error() string { return "no such socket" }

// Unwrap makes it the error of a file that is not there.
func (noSocketError) Unwrap() error { return fs.ErrNotExist }

// plainDialError takes away what net/http wraps around the errors of everyday.
func plainDialError(err error) error {
	for _, e := range []struct{ is, say error }{
		{fs.ErrNotExist, errNoSocket},
		{syscall.ECONNREFUSED, errors.New("nothing listens there")},
		{fs.ErrPermission, fs.ErrPermission},
		{context.DeadlineExceeded, fmt.Errorf("no answer in %v", engineWait)},
	} {
		if errors.Is(err, e.is) {
			return e.say
		}
	}
	return err
}

package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/layers/layers/cmd/report"
)

func TestBriefly(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{Port: 5000}, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("registry.example.org: %w", reset), "connection reset by peer"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "a.example", Server: "192.0.2.1:53"}}, "no such host: a.example"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timed out"},
		{fmt.Errorf("cut after 1 of 2 bytes: %w", io.ErrUnexpectedEOF), "cut off"},
		{errors.New("503 Service Unavailable"), "503 Service Unavailable"},
	} {
		if got := briefly(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestRetryingFitsTheTerminal(t *testing.T) {
	for what, lines := range map[string]int{
		"python:3.10: manifest": 1,
		"registry.example.org:5000/team/app:1.2.3: layer sha256:cdc1faa40ac4…": 2,
	} {
		var stderr bytes.Buffer
		p := &program{stderr: &stderr, getenv: func(string) string { return "" }}
		p.retrying(what, fmt.Errorf("h: %w", os.NewSyscallError("read", syscall.ECONNRESET)))
		got := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
		if len(got) != lines || !strings.HasPrefix(got[0], what) || !strings.Contains(stderr.String(), "reset by peer") {
			t.Errorf("%q", got)
		}
		for _, line := range got {
			if report.Width(line) > 80 {
				t.Errorf("too wide: %s", line)
			}
		}
	}
}

package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/directory"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

func TestExplain(t *testing.T) {
	inLayer := func(err error) error { return &cache.LayerError{Image: "app:1", Number: 2, Err: err} }
	for _, c := range []struct {
		err  error
		code int
		says string // in what is written
	}{
		{&usageError{"wrong", "right"}, exitUsage, "layers: wrong\nhint: right\n"},
		{&source.ReferenceError{Text: "X", Reason: "no"}, exitUsage, "hint: layers help references"},
		{noError{}, exitNo, ""},
		{errInterrupted, exitInterrupted, "layers: interrupted\n"},
		{context.Canceled, exitInterrupted, "layers: interrupted\n"},
		{&source.NotFoundError{Name: "a", Reason: "no such tag", Detail: []string{"asked x"}, Have: []string{"b", "c"}}, exitNotFound, "layers: a: no such tag\n  asked x\n  it has b, c\n"},
		{&source.PlatformError{Name: "a", Want: "w", Have: []string{"x"}}, exitNotFound, "layers: a has no w\n  it has x\n"},
		{&source.KindError{Name: "x", Is: "a poem"}, exitNotFound, "a poem, not an image"},
		{&source.DirectoryError{Name: "dir:x"}, exitUsage, "dir:x is a directory of files, not an image\nhint: layers diff alone takes one: layers diff IMAGE dir:x\n"},
		{&directory.ChangedError{Path: "d/x", Gone: true}, exitTemporary, "d/x was removed while it was read\nhint: try again"},
		{&directory.NameError{Path: "d/.wh.x"}, exitUsage, "d/.wh.x: in a layer"},
		{&directory.EntryError{Path: "d/x", Err: io.EOF}, exitHost, "d/x: EOF"},
		{&source.OfflineError{Name: "x"}, exitNotFound, "offline"},
		{&layer.LoopError{Path: "x"}, exitNotFound, "x"},
		{fmt.Errorf("x: %w", layer.ErrNotExist), exitNotFound, "no such file"},
		{&inspect.NotExistError{Image: "i", Path: "a", Near: []string{"b"}}, exitNotFound, "did you mean /b?"},
		{&inspect.NoLayerError{Image: "i", Number: 9, Layers: 2}, exitNotFound, "no layer 9"},
		{&source.AuthError{Name: "a", Host: "h", Err: io.EOF, Detail: []string{"looked"}}, exitAuth, "  looked\n"},
		{&source.TemporaryError{Name: "a", Host: "h", After: time.Minute, Detail: []string{"left: 0"}, Err: io.EOF}, exitTemporary, "  left: 0\nhint: h asks to wait 1m0s"},
		{&source.ProtocolError{Name: "a", Host: "h", Reason: "sent HTML"}, exitTemporary, "sent HTML"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, exitTemporary, "refused"},
		{context.DeadlineExceeded, exitTemporary, "deadline"},
		{inLayer(&layer.MismatchError{What: "digest", Want: "a", Got: "b"}), exitDamaged, "app:1: layer 3"},
		{inLayer(&cache.ConfigError{Err: &layer.MismatchError{What: "diffid", Want: "a", Got: "b"}}), exitDamaged, "config is wrong: it claims diff_id a, and"},
		{inLayer(&cache.ConfigError{Err: &layer.MismatchError{}}), exitDamaged, "will not help\n"},
		{&cache.ImageError{Image: "app:1", Err: errors.New("2 layers and 1 DiffID")}, exitDamaged, "layers: app:1: 2 layers"},
		{&cache.ImageError{Image: "app:1", Err: context.Canceled}, exitInterrupted, "interrupted"},
		{inLayer(&layer.CorruptError{Err: io.ErrUnexpectedEOF}), exitDamaged, "as published"},
		{inLayer(&layer.RefusedError{Entry: "e", Reason: "r"}), exitDamaged, `entry "e": r`},
		{inLayer(&layer.LimitError{What: "entries", Limit: 5}), exitDamaged, "--limits entries=N"},
		{&source.MalformedError{Name: "a", What: "config", Err: io.EOF}, exitDamaged, "config"},
		{&source.DigestError{Name: "a", What: "manifest"}, exitDamaged, "manifest"},
		{&cache.BlobError{Err: &layer.MismatchError{}}, exitDamaged, "hint: layers cache verify --repair"},
		{&cache.IndexError{Path: "s/index.json", Err: io.EOF}, exitDamaged, "hint: mv s/index.json s-index.json, then layers pull"},
		{&cache.IndexError{Path: "s/oci-layout", Err: io.EOF}, exitDamaged, "hint: echo '{\"imageLayoutVersion\":\"1.0.0\"}' > s/oci-layout\n"},
		{changed(inLayer(&layer.CorruptError{Err: io.ErrUnexpectedEOF})), exitDamaged, "hint: try again"},
		{changed(inLayer(&layer.RefusedError{Entry: "e", Reason: "r"})), exitDamaged, "cache verify --repair"},
		{errNoHome, exitHost, "--store DIR"},
		{&cache.NotStoredError{Dir: "d"}, exitDamaged, "verify"},
		{&cache.VersionError{Dir: "d", Version: "9"}, exitHost, "newer layers"},
		{&cache.AccessError{Dir: "d", Err: fs.ErrPermission}, exitHost, "--store DIR"},
		{&cache.ForeignError{Dir: "d", Found: "f"}, exitHost, "--store DIR"},
		{&cache.SpaceError{Dir: "d", Need: 5, Free: 1}, exitHost, "layers cache prune"},
		{inLayer(&fs.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}), exitHost, "layers cache prune"},
		{&source.UnavailableError{Name: "podman:x", Err: io.EOF, Detail: []string{"no socket"}}, exitHost, "  no socket\nhint: layers doctor"},
		{&outputError{"f", fs.ErrPermission}, exitHost, "writing f: permission denied"},
		{&outputError{"", syscall.EPIPE}, exitPipe, ""},
		{&fs.PathError{Op: "open", Path: "p", Err: fs.ErrPermission}, exitHost, "open p"},
		{errors.New("what is this?"), exitBug, "please report it"},
		{&bugError{value: "v"}, exitBug, "LAYERS_DEBUG=1"},
		{&cache.LayerError{Err: &layer.PanicError{Value: "v"}}, exitBug, "LAYERS_DEBUG=1"},
		{&advised{err: &advised{err: &usageError{text: "t"}, detail: []string{"inner"}, hint: "x"}, detail: []string{"outer"}, hint: "h"},
			exitUsage, "layers: t\n  outer\n  inner\nhint: h\n"},
	} {
		m := explain(c.err)
		var b bytes.Buffer
		m.write(&b)
		if m.code != c.code || !strings.Contains(b.String(), c.says) || (c.says == "") != (b.Len() == 0) {
			t.Errorf("%T: code %d, want %d; says\n%swant\n%s", c.err, m.code, c.code, b.String(), c.says)
		}
	}
}

// TestEveryCodeHasAMeaning keeps the table in help whole.
func TestEveryCodeHasAMeaning(t *testing.T) {
	for _, e := range exitMeaning {
		if !strings.Contains(topicExitCodes, fmt.Sprintf("\n%5d  ", e.code)) {
			t.Errorf("the topic does not tell of %d", e.code)
		}
	}
	if !strings.Contains(exitHelp([]int{exitNo}), "\n    1  ") || strings.Contains(exitHelp(nil), "\n    1  ") {
		t.Error("exit codes in help")
	}
}

func TestMessagesCannotSteerATerminal(t *testing.T) {
	var b bytes.Buffer
	message{line: "a\x1b[2J\nhint: rm -rf /", detail: []string{"\u202e"}, hint: "x\r"}.write(&b)
	if got, want := b.String(), "layers: a\\x1b[2J\\nhint: rm -rf /\n  \\u202e\nhint: x\\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParts(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	canceled := fmt.Errorf("layer 1: %w", context.Canceled)
	for _, c := range []struct {
		err  error
		want []error
	}{
		{a, []error{a}},
		{errors.Join(a, errors.Join(b, nil)), []error{a, b}},
		{errors.Join(canceled, a, canceled), []error{a}},
		{errors.Join(canceled, canceled), []error{canceled}},
	} {
		got := parts(c.err)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

func TestFinishTakesTheFirstCode(t *testing.T) {
	var stderr bytes.Buffer
	p := &program{stderr: &stderr}
	err := errors.Join(&source.NotFoundError{Name: "a", Reason: "no"}, &source.AuthError{Name: "b", Err: io.EOF})
	if code := p.finish(context.Background(), err); code != exitNotFound {
		t.Errorf("code %d", code)
	}
	if n := strings.Count(stderr.String(), "layers: "); n != 2 {
		t.Errorf("%d errors were told: %s", n, stderr.String())
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errInterrupted)
	if code := p.finish(ctx, err); code != exitInterrupted {
		t.Errorf("code %d after an interrupt", code)
	}
}

func TestGuard(t *testing.T) {
	p := &program{}
	err := p.guard(func() error { panic("oh") })
	var bug *bugError
	if !errors.As(err, &bug) || bug.value != "oh" || !bytes.Contains(bug.stack, []byte("TestGuard")) {
		t.Errorf("%v", err)
	}
}

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// message is what a user reads of an error, and the exit code that goes with it.
// An empty line is silence.
type message struct {
	line   string
	detail []string
	hint   string // what to type next
	code   int
}

func (m message) write(w io.Writer) {
	if m.line == "" {
		return
	}
	fmt.Fprintf(w, "layers: %s\n", term.Escape(m.line))
	for _, d := range m.detail {
		fmt.Fprintf(w, "  %s\n", term.Escape(d))
	}
	if m.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", term.Escape(m.hint))
	}
}

// usageError says that the command line is wrong.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

// noError says that the answer to what was asked is no: exit code 1, and no
// message of its own, because the answer has been given.
type noError struct{}

func (noError) Error() string { return "no" }

// changedError says that a layer that has been read whole before, since its table of
// contents is there, can no longer be read: not its publisher is to blame.
type changedError struct{ err error }

func (e *changedError) Error() string { return e.err.Error() }
func (e *changedError) Unwrap() error { return e.err }

// advised is an error with what the command knows beside it.
type advised struct {
	err    error
	detail []string
	hint   string
}

func (a *advised) Error() string { return a.err.Error() }
func (a *advised) Unwrap() error { return a.err }

// parts takes joined errors apart, so that each is told and none is lost. Where
// something failed, that other work was then given up is no news.
func parts(err error) []error {
	all := split(err)
	failed := slices.DeleteFunc(slices.Clone(all), func(e error) bool { return errors.Is(e, context.Canceled) })
	if len(failed) > 0 {
		return failed
	}
	return all[:1]
}

func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// explain turns an error into what the user is told and the exit code. It is the
// one place that knows both.
func explain(err error) message {
	m := message{line: err.Error()}
	for _, kind := range []func(error, *message) bool{
		explainRun, explainUsage, explainStore, explainSource, explainLayer, explainHost,
	} {
		if kind(err, &m) {
			break
		}
	}
	if m.code == exitDone {
		m.code = exitBug
		m.detail = append(m.detail, "layers has no word for this error; please report it: "+reportAt)
	}
	var a *advised
	for hinted := false; errors.As(err, &a); err = a.err {
		m.detail = append(m.detail, a.detail...)
		if a.hint != "" && !hinted {
			m.hint, hinted = a.hint, true
		}
	}
	return m
}

const reportAt = "https://github.com/layers/layers/issues"

// explainRun knows how runs end that no package is to blame for.
func explainRun(err error, m *message) bool {
	var bug *bugError
	var no noError
	var out *outputError
	var inLayer *layer.PanicError
	if errors.As(err, &inLayer) {
		err = &bugError{value: inLayer.Value, stack: inLayer.Stack}
	}
	switch {
	case errors.As(err, &bug):
		m.code = exitBug
		m.detail = []string{
			fmt.Sprintf("this is a bug in layers %s (%s, %s/%s); please report it with the command and these lines:",
				buildVersion().Version, runtime.Version(), runtime.GOOS, runtime.GOARCH), reportAt}
		m.hint = "LAYERS_DEBUG=1 in the environment shows where"
		if os.Getenv("LAYERS_DEBUG") != "" {
			m.hint = ""
			m.detail = append(m.detail, strings.Split(strings.TrimSpace(string(bug.stack)), "\n")...)
		}
	case errors.As(err, &no):
		m.line, m.code = "", exitNo
	case errors.Is(err, errInterrupted):
		m.line, m.code = "interrupted", exitInterrupted
	case errors.Is(err, syscall.EPIPE) && errors.As(err, &out):
		// Whoever read stdout has had enough, which is no news to them.
		m.line, m.code = "", exitPipe
	case errors.As(err, &out):
		m.code = exitHost
	}
	return m.code != exitDone
}

func explainUsage(err error, m *message) bool {
	var usage *usageError
	var ref *source.ReferenceError
	var template *report.TemplateError
	switch {
	case errors.As(err, &usage):
		m.code, m.hint = exitUsage, usage.hint
	case errors.As(err, &ref):
		m.code, m.hint = exitUsage, "layers help references"
	case errors.As(err, &template):
		m.code, m.hint = exitUsage, "layers help formats; -f json shows the fields, which templates name as Go does"
	}
	return m.code != exitDone
}

func explainSource(err error, m *message) bool {
	var notFound *source.NotFoundError
	var platform *source.PlatformError
	var auth *source.AuthError
	var temporary *source.TemporaryError
	var kind *source.KindError
	var malformed *source.MalformedError
	var unavailable *source.UnavailableError
	var offline *source.OfflineError
	var digest *source.DigestError
	var protocol *source.ProtocolError
	switch {
	case errors.As(err, &notFound):
		m.code, m.detail = exitNotFound, notFound.Detail
		if len(notFound.Have) > 0 {
			m.detail = append(m.detail, "it has "+list(notFound.Have, 20))
		}
	case errors.As(err, &platform):
		m.code = exitNotFound
		m.detail = []string{"it has " + list(platform.Have, 40)}
	case errors.As(err, &auth):
		m.code, m.detail = exitAuth, auth.Detail
	case errors.As(err, &temporary):
		m.code, m.detail = exitTemporary, temporary.Detail
		if temporary.After > 0 {
			m.hint = fmt.Sprintf("%s asks to wait %s before the next attempt", temporary.Host, temporary.After)
		}
	case errors.As(err, &kind):
		m.code = exitNotFound
		m.hint = "layers help references"
	case errors.As(err, &offline):
		m.code = exitNotFound
	case errors.As(err, &malformed):
		m.code = exitDamaged
	case errors.As(err, &digest):
		m.code = exitDamaged
	case errors.As(err, &protocol):
		m.code, m.detail = exitTemporary, protocol.Detail
	case errors.As(err, &unavailable):
		m.code, m.detail = exitHost, unavailable.Detail
		m.hint = "layers doctor"
	}
	return m.code != exitDone
}

func explainLayer(err error, m *message) bool {
	var mismatch *layer.MismatchError
	var corrupt *layer.CorruptError
	var refused *layer.RefusedError
	var limit *layer.LimitError
	var number *inspect.NoLayerError
	var loop *layer.LoopError
	var missing *inspect.NotExistError
	var changed *changedError
	switch {
	case errors.As(err, &mismatch), errors.As(err, &changed):
		m.code = exitDamaged
		m.detail = []string{"the bytes are not what the image says: they were damaged on the way, or where they are kept"}
		m.hint = "try again; if it stays so, the source is damaged, or the store: layers cache verify --repair"
	case errors.As(err, &corrupt):
		m.code = exitDamaged
		m.detail = []string{"the layer is broken as published: its bytes are what its digest says"}
	case errors.As(err, &refused):
		m.code = exitDamaged
		m.detail = []string{"no reading of this entry is safe or makes sense"}
	case errors.As(err, &limit):
		m.code = exitDamaged
		m.detail = []string{"limits protect this host from images that are made to fill it"}
		m.hint = fmt.Sprintf("if you trust the image: --limits %s=N (-1 is no limit)", limit.What)
	case errors.As(err, &missing):
		m.code = exitNotFound
		for _, near := range missing.Near {
			m.detail = append(m.detail, "did you mean /"+near+"?")
		}
	case errors.As(err, &number), errors.As(err, &loop), errors.Is(err, layer.ErrNotExist):
		m.code = exitNotFound
	}
	return m.code != exitDone
}

func explainStore(err error, m *message) bool {
	var version *cache.VersionError
	var access *cache.AccessError
	var space *cache.SpaceError
	var foreign *cache.ForeignError
	var blob *cache.BlobError
	var index *cache.IndexError
	var absent *cache.NotStoredError
	switch {
	case errors.As(err, &index):
		m.code = exitDamaged
		m.detail, m.hint = adviseIndex(index.Path)
	case errors.As(err, &blob), errors.As(err, &absent):
		m.code = exitDamaged
		m.hint = "layers cache verify --repair"
	case errors.As(err, &foreign):
		m.code = exitHost
		m.hint = "give the store a directory of its own: --store DIR, LAYERS_STORE"
	case errors.As(err, &version):
		m.code = exitHost
		m.hint = "use a newer layers, or another store: --store DIR, LAYERS_STORE"
	case errors.As(err, &space), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		m.code = exitHost
		m.hint = "layers cache prune, layers rm IMAGE, or another store: --store DIR"
	case errors.As(err, &access), errors.Is(err, errNoHome):
		m.code = exitHost
		m.hint = "use a store of your own: --store DIR, LAYERS_STORE"
	}
	return m.code != exitDone
}

// adviseIndex says how to go on where the store cannot even be opened or listed,
// so that verifying it cannot help.
func adviseIndex(path string) (detail []string, hint string) {
	if filepath.Base(path) == "oci-layout" {
		return nil, fmt.Sprintf(`echo '{"imageLayoutVersion":"1.0.0"}' > %s`, path)
	}
	return []string{"the names of images are nowhere else; their layers are still there, and pull takes those that are whole"},
		fmt.Sprintf("mv %s %s-index.json, then layers pull IMAGE...", path, filepath.Dir(path)) // not into the store, where it would be damage
}

// explainHost takes what is left: the network and the file system.
func explainHost(err error, m *message) bool {
	var network net.Error
	var path *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.Canceled):
		m.line, m.code = "interrupted", exitInterrupted
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		m.code = exitTemporary
	case errors.As(err, &path), errors.As(err, &errno):
		m.code = exitHost
	}
	return m.code != exitDone
}

// list names up to most things, and how many there are beyond.
func list(names []string, most int) string {
	if len(names) == 0 {
		return "nothing"
	}
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return strings.Join(names, ", ") + more
}

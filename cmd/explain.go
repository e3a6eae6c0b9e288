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
	"github.com/layers/layers/cache/directory"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/inspect"
)

// rule fills in what the user is told of an error, if it is of the rule's kind.
type rule func(error, *message) bool

// on is the rule for the errors of a type: their exit code, and what else is said.
func on[E error](code int, tell ...func(E, *message)) rule {
	return func(err error, m *message) bool {
		e, ok := errors.AsType[E](err)
		if !ok {
			return false
		}
		m.code = code
		for _, t := range tell {
			t(e, m)
		}
		return true
	}
}

// is is the rule for errors that are one of the targets.
func is(code int, tell func(*message), targets ...error) rule {
	return func(err error, m *message) bool {
		if !slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) }) {
			return false
		}
		m.code = code
		tell(m)
		return true
	}
}

// silent says nothing: the answer has been given, or nobody is there to read.
func silent(m *message) { m.line = "" }

func interrupted(m *message) { m.line = "interrupted" }

func says(detail string) func(*message) {
	return func(m *message) { m.detail = []string{detail} }
}

func hints(hint string) func(*message) { return func(m *message) { m.hint = hint } }

// always is what is said of every error of a type.
func always[E error](tell ...func(*message)) func(E, *message) {
	return func(_ E, m *message) {
		for _, t := range tell {
			t(m)
		}
	}
}

const (
	adviseOwnStore   = "use a store of your own: --store DIR, LAYERS_STORE"
	adviseRoom       = "layers cache prune, layers rm IMAGE, or another store: --store DIR"
	adviseVerify     = "layers cache verify --repair"
	adviseReferences = "layers help references"
)

var (
	noRoom  = hints(adviseRoom)
	damaged = []func(*message){
		says("the bytes are not what the image says: they were damaged on the way, or where they are kept"),
		hints("try again; if it stays so, the source is damaged, or the store: " + adviseVerify),
	}
)

var rules = slices.Concat(runRules, usageRules, checkRules, idRules, storeRules, sourceRules, directoryRules, layerRules, unpackRules, mountRules, shellRules, hostRules)

// runRules know how runs end that no package is to blame for.
var runRules = []rule{
	on(exitBug, func(e *layer.PanicError, m *message) { tellBug(&bugError{value: e.Value, stack: e.Stack}, m) }),
	on(exitBug, tellBug),
	on(exitNo, always[noError](silent)),
	func(err error, m *message) bool {
		e, ok := errors.AsType[*commandExit](err)
		if ok {
			m.line, m.code = "", e.code
		}
		return ok
	},
	is(exitInterrupted, interrupted, errInterrupted),
	func(err error, m *message) bool {
		// Whoever read stdout has had enough, which is no news to them.
		return errors.Is(err, syscall.EPIPE) && on(exitPipe, always[*outputError](silent))(err, m)
	},
	on[*outputError](exitHost),
}

func tellBug(bug *bugError, m *message) {
	m.detail = []string{
		fmt.Sprintf("this is a bug in layers %s (%s, %s/%s); please report it with the command and these lines:",
			buildVersion().Version, runtime.Version(), runtime.GOOS, runtime.GOARCH), reportAt}
	if os.Getenv("LAYERS_DEBUG") == "" {
		m.hint = "LAYERS_DEBUG=1 in the environment shows where"
		return
	}
	m.detail = append(m.detail, strings.Split(strings.TrimSpace(string(bug.stack)), "\n")...)
}

var usageRules = []rule{
	on(exitUsage, func(e *usageError, m *message) { m.hint = e.hint }),
	on(exitUsage, always[*source.ReferenceError](hints(adviseReferences))),
	on(exitUsage, func(e *source.DirectoryError, m *message) {
		m.hint = "layers diff alone takes one: layers diff IMAGE " + e.Name
	}),
	on(exitUsage, always[*report.TemplateError](hints("layers help formats; -f json shows the fields, which templates name as Go does"))),
}

// checkRules are of the files and commits that a check reads.
var checkRules = []rule{
	on(exitUsage, func(e *policy.Error, m *message) {
		m.line = fmt.Sprintf("%s: %s", e.File, count(len(e.Mistakes), "mistake"))
		for _, mistake := range e.Mistakes {
			m.detail = append(m.detail, fmt.Sprintf("%s:%d:%d: %s", e.File, mistake.Line, mistake.Column, mistake))
		}
	}),
	on(exitUsage, func(e *fileError, m *message) { m.hint = e.hint }),
	on(exitNotFound, func(e *gitError, m *message) { m.hint = e.hint }),
	on[*missingError](exitNotFound),
}

var storeRules = []rule{
	on(exitDamaged, func(e *cache.IndexError, m *message) { m.detail, m.hint = adviseIndex(e.Path) }),
	on(exitDamaged, always[*cache.ConfigError](says("the layer's bytes are what the manifest names: the image was built or rewritten wrongly, and pulling it again will not help"))),
	on(exitDamaged, always[*cache.BlobError](hints(adviseVerify))),
	on(exitDamaged, always[*cache.NotStoredError](hints(adviseVerify))),
	on(exitHost, always[*cache.ForeignError](hints("give the store a directory of its own: --store DIR, LAYERS_STORE"))),
	on(exitHost, always[*cache.VersionError](hints("use a newer layers, or another store: --store DIR, LAYERS_STORE"))),
	on(exitHost, func(e *cache.SpaceError, m *message) {
		if e.Outside {
			m.hint = "another directory, or fewer files: --only GLOB"
			return
		}
		m.hint = adviseRoom
	}),
	is(exitHost, noRoom, syscall.ENOSPC, syscall.EDQUOT),
	on(exitHost, always[*cache.AccessError](hints(adviseOwnStore))),
	is(exitHost, hints(adviseOwnStore), errNoHome),
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

var sourceRules = []rule{
	on(exitNotFound, func(e *source.NotFoundError, m *message) {
		m.detail = slices.Clone(e.Detail)
		if len(e.Have) > 0 {
			m.detail = append(m.detail, "it has "+list(e.Have, 20))
		}
	}),
	on(exitNotFound, func(e *source.PlatformError, m *message) { m.detail = []string{"it has " + list(e.Have, 40)} }),
	on(exitAuth, func(e *source.AuthError, m *message) { m.detail = e.Detail }),
	on(exitTemporary, func(e *source.TemporaryError, m *message) {
		m.detail = e.Detail
		if e.After > 0 {
			m.hint = fmt.Sprintf("%s asks to wait %s before the next attempt", e.Host, e.After)
		}
	}),
	on(exitNotFound, always[*source.KindError](hints(adviseReferences))),
	on[*source.OfflineError](exitNotFound),
	on[*source.MalformedError](exitDamaged),
	on[*source.DigestError](exitDamaged),
	on(exitTemporary, func(e *source.ProtocolError, m *message) { m.detail = e.Detail }),
	on(exitHost, func(e *source.UnavailableError, m *message) { m.detail, m.hint = e.Detail, "layers doctor" }),
}

var directoryRules = []rule{
	on(exitTemporary, always[*directory.ChangedError](hints("try again when nothing writes there"))),
	on(exitUsage, always[*directory.NameError](says("such files come from a layer that was unpacked as it stands: that is no root file system"))),
	on[*directory.EntryError](exitHost),
}

var layerRules = []rule{
	on(exitDamaged, always[*layer.MismatchError](damaged...)),
	on(exitDamaged, always[*changedError](damaged...)),
	on(exitDamaged, always[*layer.CorruptError](says("the layer is broken as published: its bytes are what its digest says"))),
	on(exitDamaged, always[*layer.RefusedError](says("no reading of this entry is safe or makes sense"))),
	on(exitDamaged, func(e *layer.LimitError, m *message) {
		m.detail = []string{"limits protect this host from images that are made to fill it"}
		m.hint = fmt.Sprintf("if you trust the image: --limits %s=N (-1 is no limit)", e.What)
	}),
	on(exitNotFound, func(e *inspect.NotExistError, m *message) {
		for _, near := range e.Near {
			m.detail = append(m.detail, "did you mean /"+near+"?")
		}
	}),
	on[*inspect.NoLayerError](exitNotFound),
	on[*layer.LoopError](exitNotFound),
	is(exitNotFound, func(*message) {}, layer.ErrNotExist),
}

var unpackRules = []rule{
	on[*unpack.NotEmptyError](exitUsage),
	on(exitDamaged, always[*layer.DanglingError](says("no container runtime can unpack such a layer; it can be looked at"))),
	on[*unpack.PathError](exitHost),
	on(exitNotFound, always[*cache.NotMountedError](hints("layers mount lists what is mounted"))),
	on[*hostError](exitHost),
	is(exitHost, hints("the files are unpacked on Linux only"), errors.ErrUnsupported),
}

// hostRules take what is left: the network and the file system.
var hostRules = []rule{
	is(exitInterrupted, interrupted, context.Canceled),
	// These come first: an errno also has the methods of a net.Error.
	on[*fs.PathError](exitHost),
	on[*os.LinkError](exitHost),
	on[net.Error](exitTemporary),
	is(exitTemporary, func(*message) {}, context.DeadlineExceeded, io.ErrUnexpectedEOF),
	on[syscall.Errno](exitHost),
	on[*cache.ImageError](exitDamaged), // what it wraps may be of another kind
}

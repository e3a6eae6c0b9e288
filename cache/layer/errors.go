package layer

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrNotExist is returned when a tree or a TOC has nothing at a path.
var ErrNotExist = errors.New("no such file in the image")

// CorruptError says that a stream cannot be read as what it should be: a cut or
// damaged compressed stream, a bad tar header. It says nothing about digests.
type CorruptError struct {
	Entry  string // the entry being read, as named in the tar; "" if none
	Offset int64  // in the uncompressed tar
	Err    error
}

// Error says where the stream broke: in which entry, else at which byte of the tar.
func (e *CorruptError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("at byte %d of the tar: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("reading %q: %v", e.Entry, e.Err)
}

// Unwrap returns what was found there; io.ErrUnexpectedEOF is in it if the stream is cut.
func (e *CorruptError) Unwrap() error { return e.Err }

// RefusedError says that a layer holds an entry that no reading makes safe or
// meaningful, such as a whiteout of "..".
type RefusedError struct {
	Entry  string // as named in the tar
	Reason string
}

// Error quotes the entry as the tar names it, whatever bytes it has.
func (e *RefusedError) Error() string { return fmt.Sprintf("entry %q: %s", e.Entry, e.Reason) }

// maxErrorName is how much of a name that passed a limit is shown.
const maxErrorName = 200

// LimitError says that a layer is larger than a limit allows.
type LimitError struct {
	What  string // which limit, by its name in Limits: "entries", "unpacked", "ratio", "path", "names", "memory", "xattrs"
	Limit int64
	Entry string // the entry that passed it, "" if none
}

// Error names the limit as --limits does, and at most 200 bytes of the entry, so that
// it can be shown whole.
func (e *LimitError) Error() string {
	if e.Entry == "" {
		return fmt.Sprintf("more than the limit of %d for %s", e.Limit, e.What)
	}
	name, more := e.Entry, ""
	if len(name) > maxErrorName {
		name, more = name[:maxErrorName], "…"
	}
	return fmt.Sprintf("entry %q%s: more than the limit of %d for %s", name, more, e.Limit, e.What)
}

// MismatchError says that a blob was read to its end and is not what its
// descriptor or the image's config says.
type MismatchError struct {
	What      string // "size", "digest" or "diffid"
	Want, Got string
	// Err is what went wrong in reading before that was known, if anything did.
	Err error
}

// Error gives both values in full, and behind them what went wrong before.
func (e *MismatchError) Error() string {
	s := fmt.Sprintf("%s is %s, not %s", e.What, e.Got, e.Want)
	if e.Err != nil {
		s += fmt.Sprintf(" (%v)", e.Err)
	}
	return s
}

// Unwrap returns what went wrong in reading; nil if only the value differs.
func (e *MismatchError) Unwrap() error { return e.Err }

// PanicError says that reading a layer hit a bug of this program or of a library:
// whatever a layer holds must not end the process.
type PanicError struct {
	Value any    // what was thrown
	Stack []byte // where
}

// Error leaves the stack out, which is for a report of the bug.
func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// recovered, deferred, makes an error of a panic.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

package inflate

import (
	"errors"
	"fmt"
	"io"
)

// CorruptInputError says that the input is no valid DEFLATE or gzip stream. An
// input that only ends too early is io.ErrUnexpectedEOF instead.
type CorruptInputError struct {
	Offset int64  // in the input: the fault was seen when this many bytes were used
	Reason string // what is wrong, in a few words
}

// Error has the reason and the offset, but no word of the file, which the caller knows.
func (e *CorruptInputError) Error() string {
	return fmt.Sprintf("%s, before byte %d of the compressed data", e.Reason, e.Offset)
}

// fault is the reason of a CorruptInputError that has no offset yet.
type fault string

// Error is the reason alone; no fault leaves the package without an offset.
func (f fault) Error() string { return string(f) }

const (
	badBlock    fault = "unknown kind of block"
	badStored   fault = "wrong length of a stored block"
	badCount    fault = "too many codes"
	badLengths  fault = "invalid lengths of codes"
	badCode     fault = "invalid code"
	tooFar      fault = "distance too far back"
	badHeader   fault = "invalid gzip header"
	badChecksum fault = "wrong gzip checksum"
	badSize     fault = "wrong gzip length"
)

// errEndOfBlock tells the decoding loops' caller that they are done.
var errEndOfBlock = errors.New("end of block")

// located adds the offset to a fault.
func (in *input) located(err error) error {
	if f, ok := err.(fault); ok {
		return &CorruptInputError{Offset: in.offset(), Reason: string(f)}
	}
	return err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Package inflate decodes DEFLATE (RFC 1951) and gzip (RFC 1952) streams in one
// pass, with bounded memory and no copy of the output unless it is asked for.
//
// It accepts and refuses the same streams as compress/flate and compress/gzip do,
// bytes after the last gzip member excepted: those are counted.
package inflate

import "io"

const (
	historySize = 32 << 10 // how far back a match can reach
	windowSize  = 256 << 10
	runSize     = 32 << 10 // of output, roughly, that Next gives at once
	// slack is more than what a round of the fast loop writes past the end of a run.
	slack = 512
	// slideAt is the last place in the window where a run can begin.
	slideAt = windowSize - slack - runSize
)

// Reader decodes one DEFLATE stream. It is not safe for concurrent use. It is
// about 350 KiB large; use Reset to decode another stream with it.
//
// Errors are io.ErrUnexpectedEOF if the input ends too early, a *CorruptInputError
// if it is no valid stream, and otherwise what the underlying reader returned. They
// come after all the output before them, and stay.
type Reader struct {
	in    input
	pos   uint // window[:pos] is decoded
	runs  runs
	err   error
	step  func(d *Reader, limit uint) error // decodes something, up to limit or a little further
	final bool                              // this block is the last one
	fixed bool                              // the tables are those of the fixed codes
	flush bool                              // the run should end here

	stored uint // bytes left of a stored block

	meter, literals, distances code

	meterTable    [1 << meterBits]uint32
	literalTable  [literalSize]uint32
	distanceTable [distanceSize]uint32
	window        [windowSize]byte
}

// NewReader returns a Reader of the stream that r begins with. It reads in pieces of
// up to 64 KiB, and only when it needs a byte that it does not have.
func NewReader(r io.Reader) *Reader {
	d := new(Reader)
	d.Reset(r)
	return d
}

// Reset makes d as good as new, to read from r.
func (d *Reader) Reset(r io.Reader) {
	d.in.reset(r)
	d.begin()
}

// begin prepares for a stream that begins where the input is now.
func (d *Reader) begin() {
	d.pos, d.runs, d.err = 0, runs{}, nil
	d.final, d.flush = false, false
	d.step = (*Reader).nextBlock
}

// Read gives decoded bytes; Next does it without a copy. The error is io.EOF after
// the last byte of the stream.
func (d *Reader) Read(p []byte) (int, error) { return d.runs.read(p, d.nextRun) }

// Next returns the next bytes of the output, at least one and at most about 32 KiB,
// valid until the next call of Next, Read or Reset. The error is io.EOF after the
// last byte of the stream.
func (d *Reader) Next() ([]byte, error) { return d.runs.next(d.nextRun) }

func (d *Reader) nextRun() ([]byte, error) {
	if d.pos > slideAt {
		copy(d.window[:historySize], d.window[d.pos-historySize:d.pos])
		d.pos = historySize
	}
	start := d.pos
	limit := start + runSize
	d.flush = false
	for d.err == nil && d.pos < limit && !(d.flush && d.pos > start) {
		d.err = d.in.located(d.step(d, limit))
	}
	if d.pos > start {
		return d.window[start:d.pos], nil
	}
	return nil, d.err
}

// InputOffset is the number of bytes of the input that were used for what was
// returned up to now, a byte used in part included. While Read has given only a
// part of a run, the whole run counts.
func (d *Reader) InputOffset() int64 { return d.in.offset() }

// Unread is what was read from the underlying reader and not used; after io.EOF,
// what came with the end of the stream. It is valid until the next call of Next, Read
// or Reset.
func (d *Reader) Unread() []byte { return d.in.rest() }

// endBlock is called when a block has been decoded. The error is io.EOF after the
// last one.
func (d *Reader) endBlock() error {
	d.step = (*Reader).nextBlock
	if d.final {
		d.in.align()
		return io.EOF
	}
	return nil
}

// runs gives out runs in whole or in part.
type runs struct {
	rest []byte // of the run that was begun
}

func (r *runs) next(get func() ([]byte, error)) ([]byte, error) {
	if len(r.rest) == 0 {
		return get()
	}
	run := r.rest
	r.rest = nil
	return run, nil
}

func (r *runs) read(p []byte, get func() ([]byte, error)) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	run, err := r.next(get)
	n := copy(p, run)
	r.rest = run[n:]
	return n, err
}

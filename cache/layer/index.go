package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/zeebo/blake3"
)

// IndexOptions guides Index. The zero value works.
type IndexOptions struct {
	// Limits bound the layer; zero fields are defaults.
	Limits Limits
	// Digest, Size and DiffID are what the blob must be; zero values are not checked.
	Digest v1.Hash
	Size   int64
	DiffID DiffID
	// Alone promises that no other pass runs in this process. Without it, a pass may
	// end with ErrCrowded: with nothing lost but time, and only where its layer and
	// those that are read at the same time have hundreds of thousands of names.
	Alone bool
	// TempDir is where what does not fit in memory goes, in unlinked files; "" is os.TempDir().
	TempDir string
}

// Outputs are where Index writes what it makes; a nil writer drops it. They hold
// nothing of use unless Index returns nil.
type Outputs struct {
	TOC, Extents, Kept io.Writer
	// Contents is given the regular files' bytes as they come, which may turn out to
	// be damaged, or not to be the layer's, at the blob's end. Where it is all that is
	// asked for, nothing else is made of the layer.
	Contents Contents
}

// Contents takes the bytes of a layer's regular files, in the order of the tar.
type Contents interface {
	// Begin returns where the content of the file at an Entry.Offset is to go; nil
	// if it is not wanted. An error ends the pass.
	Begin(offset int64) (io.Writer, error)
	// End follows when all of a content that was wanted has been written.
	End() error
}

// Indexed says what Index found the blob to be.
type Indexed struct {
	Digest      v1.Hash
	Size        int64
	DiffID      DiffID
	Compression Compression
}

// Index reads the layer blob r once, to its last byte, and writes what it holds.
// Memory is bounded however large the layer. On any error in reading it still
// drains r, so that damage (a *MismatchError) is told from a layer that is broken
// as published (*CorruptError, *RefusedError, *LimitError). A limit ends the pass
// at once, and so does ErrCrowded.
func Index(ctx context.Context, r io.Reader, out Outputs, o IndexOptions) (Indexed, error) {
	p := newPass(ctx, r, out, o)
	defer p.close()
	err := p.run()
	p.stop()
	var limit *LimitError
	var bug *PanicError
	if errors.As(err, &limit) || errors.As(err, &bug) || errors.Is(err, ErrCrowded) ||
		ctx.Err() != nil || p.declined != nil || p.blob.failed(err) {
		return Indexed{}, errors.Join(ctx.Err(), err)
	}
	if mismatch := p.check(err); mismatch != nil {
		return Indexed{}, mismatch
	}
	if err != nil {
		return Indexed{}, err
	}
	return p.found, p.write()
}

// pass is one reading of one blob.
type pass struct {
	o        IndexOptions
	out      Outputs
	blob     *blobReader
	stream   *readAhead
	decoder  *Decoder
	diff     hash.Hash // nil where the blob is the tar itself
	reader   *Reader
	builder  *builder
	share    share // of memory
	extents  *extentsBuilder
	kept     *keptWriter
	files    *blake3.Hasher // nil where only Contents is asked for
	readers  [3]io.Writer
	declined error // what Contents, or another reader of a content, returned
	found    Indexed
	tarEnd   int64
	tarSize  int64
}

func newPass(ctx context.Context, r io.Reader, out Outputs, o IndexOptions) *pass {
	o.Limits = o.Limits.WithDefaults()
	p := &pass{
		o: o, out: out,
		blob:    &blobReader{ctx: ctx, r: r, hash: sha256.New(), limit: o.Size},
		builder: newBuilder(o.TempDir, o.Limits),
		extents: newExtentsBuilder(),
		share:   share{limit: o.Limits.Memory},
	}
	if out.Contents == nil || out.TOC != nil {
		p.files = blake3.New()
	}
	p.share.alone = o.Alone || p.files == nil // without a tree there is nothing to share
	return p
}

// stop ends the goroutine that reads the blob. After it, the blob is ours.
func (p *pass) stop() {
	if p.stream != nil {
		p.stream.stop()
	}
}

func (p *pass) close() {
	if p.decoder != nil {
		p.decoder.Close()
	}
	p.builder.spool.close()
	p.share.free()
}

// run reads the blob and the tar in it to their ends.
func (p *pass) run() (err error) {
	defer recovered(&err)
	decoder, err := newDecoderInTurn(p.blob.ctx, p.blob, &p.share, p.o.DiffID != DiffID{})
	if err != nil {
		return err
	}
	p.decoder = decoder
	p.found.Compression = decoder.Compression()
	if p.found.Compression != Uncompressed {
		p.diff = sha256.New()
	}
	p.stream = newReadAhead(&tarStream{pass: p})
	p.reader = NewReader(&marked{stream: p.stream, extents: p.extents}, p.o.Limits)
	if p.out.Kept != nil {
		p.kept = newKeptWriter(p.out.Kept)
	}
	if err := p.entries(); err != nil {
		return err
	}
	return p.end()
}

func (p *pass) entries() error {
	for {
		h, err := p.reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		p.extents.entry(h.Offset)
		digest, err := p.content(h)
		if err != nil {
			return err
		}
		if p.files == nil {
			continue
		}
		if err := p.builder.add(h, digest); err != nil {
			return err
		}
		if err := p.share.holdTree(p.builder.memory()); err != nil {
			return err
		}
	}
}

// content hands on a regular file's bytes, and returns their hash.
func (p *pass) content(h *Header) ([]byte, error) {
	if h.Type != '0' {
		return nil, nil
	}
	readers, wanted, err := p.contentReaders(h)
	if err != nil || len(readers) == 0 {
		return nil, err
	}
	w := readers[0]
	if len(readers) > 1 {
		w = io.MultiWriter(readers...)
	}
	if _, err := p.reader.WriteTo(w); err != nil {
		if p.reader.err == nil {
			p.declined = err
		}
		return nil, err
	}
	if p.kept != nil {
		p.kept.sniffed()
	}
	if wanted {
		if p.declined = p.out.Contents.End(); p.declined != nil {
			return nil, p.declined
		}
	}
	if p.files == nil {
		return nil, nil
	}
	var digest [32]byte
	return p.files.Sum(digest[:0]), nil
}

// contentReaders returns who reads a file's bytes: the hash, what keeps those that
// later questions ask for, and Contents where it wants them.
func (p *pass) contentReaders(h *Header) (readers []io.Writer, wanted bool, err error) {
	readers = p.readers[:0]
	if p.files != nil {
		p.files.Reset()
		readers = append(readers, p.files)
	}
	if p.kept != nil {
		clean, _ := cleanPath(h.Name)
		if p.kept.begin(clean, h.Offset, h.Size) {
			readers = append(readers, p.kept)
		} else if w := p.kept.sniff(clean, h); w != nil {
			readers = append(readers, w)
		}
	}
	if p.out.Contents == nil {
		return readers, false, nil
	}
	w, err := p.out.Contents.Begin(h.Offset)
	if err != nil || w == nil {
		p.declined = err
		return readers, false, err
	}
	return append(readers, w), true, nil
}

// end reads what follows the archive.
func (p *pass) end() error {
	p.tarEnd = p.reader.End()
	archiveEnd := p.reader.Offset()
	trailing, err := p.reader.Drain()
	if err != nil {
		return err
	}
	p.tarSize = p.reader.Offset()
	switch {
	case p.tarSize == 0:
		p.builder.lint(LintEmptyBlob, nil, "", 0)
	case trailing:
		p.builder.lint(LintTrailing, nil, "", p.tarSize-archiveEnd)
	case !p.reader.Ended():
		p.builder.lint(LintNoEnd, nil, "", 0)
	}
	return p.blob.drain()
}

// check holds what was read against what was promised. It needs the blob's end,
// also when the reading failed before.
func (p *pass) check(cause error) error {
	if err := p.blob.drain(); err != nil {
		return err
	}
	p.found.Size = p.blob.size
	p.found.Digest = sha256Hash(p.blob.hash)
	p.found.DiffID = DiffID(p.found.Digest)
	if p.diff != nil {
		p.found.DiffID = DiffID(sha256Hash(p.diff))
	}
	mismatch := func(what string, want, got any) error {
		return &MismatchError{What: what, Want: fmt.Sprint(want), Got: fmt.Sprint(got), Err: cause}
	}
	switch {
	case p.o.Size != 0 && p.found.Size != p.o.Size:
		return mismatch("size", p.o.Size, p.found.Size)
	case p.o.Digest != (v1.Hash{}) && p.found.Digest != p.o.Digest:
		return mismatch("digest", p.o.Digest, p.found.Digest)
	case cause == nil && p.o.DiffID != (DiffID{}) && p.found.DiffID != p.o.DiffID:
		return mismatch("diffid", p.o.DiffID, p.found.DiffID)
	}
	return nil
}

func sha256Hash(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// write makes the derived files.
func (p *pass) write() error {
	if p.kept != nil {
		if err := p.kept.close(p.found.DiffID); err != nil {
			return err
		}
	}
	if p.out.Extents != nil {
		meta := extentsMeta{
			Compression: p.found.Compression, DiffID: p.found.DiffID,
			Size: p.found.Size, Ignored: p.decoder.Ignored(), TarEnd: p.tarEnd,
		}
		if err := p.extents.writeTo(p.out.Extents, meta); err != nil {
			return err
		}
	}
	if p.out.TOC == nil {
		return nil
	}
	return p.writeTOC()
}

func (p *pass) writeTOC() (err error) {
	defer recovered(&err)
	f, err := p.builder.finish()
	if err != nil {
		return err
	}
	f.totals.TarSize = p.tarSize
	w := newTOCWriter(p.out.TOC)
	if err := f.writeEntries(w.add); err != nil {
		return err
	}
	return w.close(tocMeta{
		DiffID: p.found.DiffID, Totals: f.totals, Groups: f.groups, LowerLinks: f.lower,
		Lints: p.builder.lints.trim(), LintCount: p.builder.lints.total,
	})
}

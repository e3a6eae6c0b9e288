package layer

import (
	"io"
	"iter"
)

// ---- decode.go: the seam for decompressors ----

// Compression is how a blob is compressed.
type Compression uint8

// The compressions. Their numbers are part of the Extents format.
const (
	Uncompressed Compression = iota
	Gzip
	Zstd
)

// String returns "none", "gzip" or "zstd".
func (c Compression) String() string { panic("stub") }

// Decoder gives the uncompressed bytes of a blob.
type Decoder struct{}

// NewDecoder finds out by content how r is compressed. An empty r is Uncompressed.
func NewDecoder(r io.Reader) (*Decoder, error) { panic("stub") }

// Compression says what was found.
func (d *Decoder) Compression() Compression { panic("stub") }

// Read gives uncompressed bytes. All of the blob has been read when it returns
// io.EOF; members after the first and skippable frames are part of it.
func (d *Decoder) Read(p []byte) (int, error) { panic("stub") }

// InputOffset is the number of the blob's bytes that the decoder needed for what
// Read has returned up to now, as near as it can tell; it never decreases.
func (d *Decoder) InputOffset() int64 { panic("stub") }

// Ignored is the number of bytes after the last member that are no compressed data.
func (d *Decoder) Ignored() int64 { panic("stub") }

// Close frees the decoder. It does not close the underlying reader.
func (d *Decoder) Close() error { panic("stub") }

// ---- extents.go ----

// Extents tells where the entries of a layer lie in its blob. It depends on the
// compressor, and is kept by the blob's digest.
type Extents struct{}

// OpenExtents opens the file at path. ReadExtents takes its bytes.
func OpenExtents(path string) (*Extents, error)   { panic("stub") }
func ReadExtents(data []byte) (*Extents, error)   { panic("stub") }
func (x *Extents) Compression() Compression       { panic("stub") }
func (x *Extents) DiffID() DiffID                 { panic("stub") } // what the blob uncompresses to: the proof that digest and DiffID belong together
func (x *Extents) Size() int64                    { panic("stub") } // bytes of the blob
func (x *Extents) Ignored() int64                 { panic("stub") } // see Decoder.Ignored
func (x *Extents) Tail() int64                    { panic("stub") } // bytes of the blob that carry no entry: the archive's end and what follows; Tail plus all Spans is Size
func (x *Extents) Len() int                       { panic("stub") }
func (x *Extents) Span(offset int64) (Span, bool) { panic("stub") } // of the entry whose first header block is at offset in the tar
func (x *Extents) Spans() iter.Seq2[int64, Span]  { panic("stub") } // by ascending offset in the tar; every entry of the tar, also those that others replaced

// Span is the part of a blob that carries one entry of the tar: headers, content
// and padding. Where the decoder gives several entries at once it is shared out
// by their uncompressed bytes.
type Span struct{ Start, Bytes int64 }

// ---- kept.go ----

// Kept holds the few small files of a layer that later questions ask for.
type Kept struct{}

// OpenKept opens the file at path; ReadKept takes its bytes.
func OpenKept(path string) (*Kept, error) { panic("stub") }
func ReadKept(data []byte) (*Kept, error) { panic("stub") }

// Content returns the content of the entry at an offset in the tar (Entry.Offset).
// It returns false if the file was not kept: not asked for, or too large.
func (k *Kept) Content(offset int64) ([]byte, bool, error) { panic("stub") }

// Close frees the file.
func (k *Kept) Close() error { panic("stub") }

package layer

import "iter"

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

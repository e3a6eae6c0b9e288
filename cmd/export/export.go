// Package export writes what is known of a set of images as tables in the Parquet format,
// for DuckDB and others that ask in SQL: one of images, one of their layers, and one of
// the files in each distinct layer.
//
// Rows go in, a file comes out; the same rows give the same bytes. Amounts are bytes.
// What is not known is null. Text is UTF-8: of what is none, each wrong byte becomes
// U+FFFD, and a column of bytes beside it holds the exact ones.
package export

import (
	"io"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// rowsAtOnce is how many rows are held in memory until they are written as a group.
const rowsAtOnce = 1 << 15

// compressor is one for all tables: it has some buffers, which it lends.
var compressor = &zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}

// Table is a Parquet file that is being written, whose columns are the fields of T. It
// holds some 30 MB, however many rows there are. It is not safe for concurrent use.
type Table[T any] struct {
	file *parquet.GenericWriter[T]
	next []T
	err  error
}

// NewTable begins a table. Nothing is whole before Close.
func NewTable[T any](w io.Writer) *Table[T] {
	return &Table[T]{next: make([]T, 0, 256), file: parquet.NewGenericWriter[T](w,
		parquet.CreatedBy("layers", "1", "0"), // and not a version, so that the same rows are the same bytes
		parquet.Compression(compressor),
		parquet.MaxRowsPerRowGroup(rowsAtOnce),
	)}
}

// Add adds a row. After an error, which is that of writing, every call returns it again.
func (t *Table[T]) Add(row T) error {
	if t.next = append(t.next, row); len(t.next) == cap(t.next) {
		t.flush()
	}
	return t.err
}

func (t *Table[T]) flush() {
	if t.err == nil {
		_, t.err = t.file.Write(t.next)
	}
	t.next = t.next[:0]
}

// Close writes the rest, and what makes it a table. It does not close what is written to.
func (t *Table[T]) Close() error {
	if t.flush(); t.err == nil {
		t.err = t.file.Close()
	}
	return t.err
}

// text is a text as UTF-8.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// exact is a text's bytes, if they are not UTF-8; else nil, which is null.
func exact(s string) *[]byte {
	if utf8.ValidString(s) {
		return nil
	}
	bytes := []byte(s)
	return &bytes
}

// given is nil, which is null, for the zero value.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

package export

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// tableOf writes rows, twice, and reads them back.
func tableOf[T any](t testing.TB, rows []T) []T {
	t.Helper()
	first, second := written(t, rows), written(t, rows)
	if !bytes.Equal(first, second) {
		t.Error("the same rows are not the same bytes")
	}
	return readBack[T](t, first)
}

func written[T any](t testing.TB, rows []T) []byte {
	t.Helper()
	var to bytes.Buffer
	table := NewTable[T](&to)
	for _, row := range rows {
		if err := table.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func readBack[T any](t testing.TB, data []byte) []T {
	t.Helper()
	rows, err := parquet.Read[T](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func equal[T any](t testing.TB, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows of %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("row %d is %+v, not %+v", i, got[i], want[i])
		}
	}
}

func TestEmptyTables(t *testing.T) {
	if len(tableOf[Image](t, nil))+len(tableOf[Layer](t, nil))+len(tableOf[File](t, nil)) != 0 {
		t.Error("rows of nothing")
	}
}

func TestManyRowsAreWrittenInGroups(t *testing.T) {
	const count = 2*rowsAtOnce + 77
	rows := make([]File, count)
	for i := range rows {
		rows[i] = File{DiffID: fmt.Sprint("sha256:", i/1000), Path: fmt.Sprint("usr/", i), Kind: "file", Size: given(int64(i)), Links: 1}
	}
	data := written(t, rows)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.RowGroups()); n != 3 {
		t.Errorf("%d groups", n)
	}
	equal(t, readBack[File](t, data), rows)
}

// full takes some bytes and no more.
type full struct{ left int }

var errFull = errors.New("no space")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfWritingAreTold(t *testing.T) {
	whole := len(written(t, []File{{Path: "a"}, {Path: "b"}}))
	for left := range whole {
		table := NewTable[File](&full{left})
		table.Add(File{Path: "a"})
		table.Add(File{Path: "b"})
		if err := table.Close(); !errors.Is(err, errFull) {
			t.Fatalf("after %d bytes of %d: %v", left, whole, err)
		}
	}
	table, n := NewTable[File](&full{100}), 0
	for ; n < 4*rowsAtOnce && table.Add(File{Path: fmt.Sprint(n)}) == nil; n++ {
	}
	if n == 4*rowsAtOnce || !errors.Is(table.Close(), errFull) {
		t.Errorf("%d rows went into 100 bytes", n)
	}
}

package layer

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReaderEnd(t *testing.T) {
	file := new(craft).file("a", "1").bytes()
	zero := make([]byte, blockSize)
	for _, c := range []struct {
		name       string
		data       []byte
		ended, not bool // not: what Drain says
		end        int64
	}{
		{"nothing", nil, false, false, 0},
		{"no mark", file, false, false, 1024},
		{"half a mark", append(bytes.Clone(file), zero...), false, false, 1024},
		{"mark", append(append(bytes.Clone(file), zero...), zero...), true, false, 1024},
		{"mark and zeros", append(bytes.Clone(file), make([]byte, 10*blockSize+7)...), true, false, 1024},
		{"mark and bytes", append(append(bytes.Clone(file), make([]byte, 4*blockSize)...), 'x'), true, true, 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(c.data), Limits{})
			if _, err := readTar(r); err != nil {
				t.Fatal(err)
			}
			if r.Ended() != c.ended || r.End() != c.end {
				t.Errorf("Ended %v, End %d", r.Ended(), r.End())
			}
			not, err := r.Drain()
			if not != c.not || err != nil || r.Offset() != int64(len(c.data)) {
				t.Errorf("Drain %v, %v, at %d of %d", not, err, r.Offset(), len(c.data))
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("then Next: %v", err)
			}
		})
	}
}

func TestReaderOffsets(t *testing.T) {
	data := tarOf(func(c *craft) {
		c.pax('g', "uid=1").file("a", "1")                         // 0
		c.long('L', "b").pax('x', "mtime=1").file("b", "2")        // 2048
		c.header("c", '5', 0, nil).pax('g', "uid=1").file("d", "") // 5120, 5632
	})
	r := NewReader(bytes.NewReader(data), Limits{})
	for _, want := range []int64{0, 2048, 5120, 5632} {
		if h, err := r.Next(); err != nil || h.Offset != want {
			t.Fatalf("%v, %v instead of %d", h, err, want)
		}
	}
	for offset, name := range map[int64]string{0: "a", 2048: "b", 5120: "c", 5632: "d"} {
		if h, err := NewReader(bytes.NewReader(data[offset:]), Limits{}).Next(); err != nil || string(h.Name) != name {
			t.Errorf("from %d: %v, %v", offset, h, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	long := strings.Repeat("n", 5000)
	for _, c := range []struct {
		name, what, entry string
		tar               func(c *craft)
		limits            Limits
	}{
		{"unknown type", "refused", "odd", func(c *craft) { c.header("odd", 'Z', 0, nil) }, Limits{}},
		{"long name", "path", "././@LongLink", func(c *craft) { c.long('L', long).file("a", "") }, Limits{Path: 4096}},
		{"long link", "path", "././@LongLink", func(c *craft) { c.long('K', long).file("a", "") }, Limits{Path: 4096}},
		{"long PAX name", "path", long, func(c *craft) { c.pax('x', "path="+long).file("a", "") }, Limits{Path: 4096}},
		{"long PAX link", "path", "a", func(c *craft) { c.pax('x', "linkpath="+long).file("a", "") }, Limits{Path: 4096}},
		{"attributes", "xattrs", "PaxHeaders/x", func(c *craft) { c.pax('x', "SCHILY.xattr.user.a="+long).file("a", "") }, Limits{Xattrs: 4096}},
		{"hole", "unpacked", "s", hole10("2000000000000"), Limits{}},
		{"endless hole", "unpacked", "s", hole10("9223372036854775807"), Limits{}},
		{"hole out of proportion", "ratio", "s", hole10("10000000000"), Limits{}},
		{"NUL in a sparse name", "corrupt", "a", func(c *craft) { c.pax('x', "GNU.sparse.name=a\x00").file("a", "") }, Limits{}},
		{"no header", "corrupt", "", func(c *craft) { c.body("this is no header") }, Limits{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readTar(NewReader(bytes.NewReader(tarOf(c.tar)), c.limits))
			var limit *LimitError
			var refused *RefusedError
			var corrupt *CorruptError
			what, entry := "", ""
			switch {
			case errors.As(err, &limit):
				what, entry = limit.What, limit.Entry
			case errors.As(err, &refused):
				what, entry = "refused", refused.Entry
			case errors.As(err, &corrupt):
				what, entry = "corrupt", corrupt.Entry
			}
			if what != c.what || entry != c.entry && c.what != "corrupt" {
				t.Errorf("%v: %s of %q", err, what, entry)
			}
		})
	}
}

// TestReaderWithoutLimits takes what TestReaderRefuses does not.
func TestReaderWithoutLimits(t *testing.T) {
	long := strings.Repeat("n", 3<<20)
	data := tarOf(func(c *craft) {
		c.long('L', long).pax('x', "linkpath="+long, "SCHILY.xattr.user.a="+long).file("a", "1")
	})
	list, err := readTar(NewReader(bytes.NewReader(data), Limits{Path: -1, Xattrs: -1}))
	if err != nil || len(list) != 1 || list[0].Name != long || list[0].Link != long || len(list[0].Xattrs) < len(long) {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

// hole10 is a file of nothing but a hole, in the format 1.0.
func hole10(size string) func(c *craft) {
	return func(c *craft) {
		c.pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize="+size, "GNU.sparse.name=s")
		c.header("s", '0', blockSize, nil).body("0\n")
	}
}

// TestReaderSparseBomb has maps that promise more than they hold, or go on and on
// (CVE-2025-58183).
func TestReaderSparseBomb(t *testing.T) {
	old := new(craft).header("s", 'S', 0, map[int]string{257: gnuMagic, 482: "\x01"}).bytes()
	more := make([]byte, blockSize)
	more[504] = 1
	lines := "1000000000\n" + strings.Repeat("0\n0\n", 4<<20)
	for name, data := range map[string][]byte{
		"old": append(old, bytes.Repeat(more, 1<<14)...),
		"1.0": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=1").file("s", lines)
		}),
		"1.0 without lines": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=1").file("s", strings.Repeat("0", 8<<20))
		}),
		"0.1": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.numblocks=4611686018427387904", "GNU.sparse.map=0,0").file("s", "")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if took := allocated(func() { _, err = readTar(NewReader(bytes.NewReader(data), Limits{})) }); took > 32<<20 {
				t.Errorf("it took %d bytes of memory", took)
			}
			if !errors.Is(err, errSparse) && !errors.Is(err, errSparseLong) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestReaderPassesErrors: what a reader returns is not taken for a bad tar.
func TestReaderPassesErrors(t *testing.T) {
	broken := errors.New("the network is down")
	data := tarOf(func(c *craft) { c.pax('x', "path=p").file("a", strings.Repeat("1", 600)) })
	for n := range data {
		r := NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), Limits{})
		if _, err := readTar(r); err != broken && !r.Ended() {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if _, err := r.Drain(); err != broken {
			t.Fatalf("draining after %d bytes: %v", n, err)
		}
	}
	writer := writerFunc(func(p []byte) (int, error) { return 1, broken })
	r := NewReader(bytes.NewReader(data), Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.WriteTo(writer); n != 1 || err != broken {
		t.Errorf("a writer that fails: %d, %v", n, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("and then: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestReaderNamesTheEntry: damage below, in the compressed stream, is told with
// the entry in which it was met.
func TestReaderNamesTheEntry(t *testing.T) {
	data := new(craft).header("a", '0', 1<<20, nil).bytes()
	r := NewReader(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(&CorruptError{Offset: 7, Err: io.ErrUnexpectedEOF})), Limits{})
	_, err := readTar(r)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Entry != "a" || corrupt.Offset != 7 {
		t.Errorf("%#v", err)
	}
}

// TestReaderFacts has some values as the user of GNU tar saw them.
func TestReaderFacts(t *testing.T) {
	type fact struct {
		time   Time
		mode   int64
		xattrs string
	}
	want := map[string]fact{
		"d/hard":  {Time{-315521755, 678901234}, 07755, `[{"security.capability" "`}, // 1960-01-02 03:04:05.678901234
		"d/empty": {Time{10413792000, 0}, 0644, `[]`},                                // 2300-01-01
	}
	list, err := readTar(NewReader(bytes.NewReader(ownTars(t)["posix-xattrs"]), Limits{}))
	if err != nil || len(list) != 15 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for _, e := range list {
		w, ok := want[e.Name]
		if ok && (e.ModTime != w.time || e.Mode != w.mode || !strings.HasPrefix(e.Xattrs, w.xattrs)) {
			t.Errorf("%s: %v %o %s", e.Name, e.ModTime, e.Mode, e.Xattrs)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("no %v", want)
	}
}

// TestOctalLimits: fields of twelve digits and of base 256 reach as far as they can.
func TestOctalLimits(t *testing.T) {
	for s, want := range map[string]int64{
		"777777777777": 1<<36 - 1,
		"\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff": math.MaxInt64,
		"\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00": math.MinInt64,
	} {
		var n numbers
		if got := n.parse([]byte(s)); got != want || n.bad {
			t.Errorf("%q: %d, %v", s, got, n.bad)
		}
	}
}

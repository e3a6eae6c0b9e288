package layer

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
)

// smallTars are those of which every byte can be tried.
func smallTars(t testing.TB) map[string][]byte {
	all := allTars(t)
	for name, data := range all {
		if data = bytes.TrimRight(data, "\x00"); len(data) > 3<<10 {
			delete(all, name)
			continue
		}
		all[name] = all[name][:min(len(all[name]), len(data)+3*blockSize)]
	}
	return all
}

// TestReaderCut cuts archives at every length: what is read is a prefix of what
// the whole holds, and the end is either one that an archive may have, without
// its mark, or io.ErrUnexpectedEOF.
func TestReaderCut(t *testing.T) {
	for name, data := range smallTars(t) {
		whole, err := readTar(NewReader(bytes.NewReader(data), Limits{Unpacked: 1 << 20}))
		if err != nil {
			continue
		}
		for n := range data {
			r := NewReader(bytes.NewReader(data[:n]), Limits{Unpacked: 1 << 20})
			part, err := readTar(r)
			if len(part) > len(whole) || !slices.Equal(part, whole[:len(part)]) {
				t.Fatalf("%s cut at %d: other entries", name, n)
			}
			var corrupt *CorruptError
			switch {
			case err == nil && r.Ended() && len(part) < len(whole):
				t.Fatalf("%s cut at %d: ended with %d of %d entries", name, n, len(part), len(whole))
			case err != nil && (!errors.As(err, &corrupt) || !errors.Is(err, io.ErrUnexpectedEOF)) && !errors.Is(err, errSparse):
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
		}
	}
}

// TestReaderFlip damages every byte that is not zero, and some that are: the
// Reader ends, and takes no memory for it.
func TestReaderFlip(t *testing.T) {
	for name, data := range smallTars(t) {
		n := uint64(0)
		took := allocated(func() {
			for i, c := range data {
				if c == 0 && i%64 != 0 {
					continue
				}
				damaged := bytes.Clone(data)
				damaged[i] ^= 0xff
				readTar(NewReader(bytes.NewReader(fixChecksums(damaged)), Limits{Unpacked: 1 << 10}))
				n++
			}
		})
		if took > n<<18 {
			t.Errorf("%s: %d bytes of memory for each of %d flips", name, took/n, n)
		}
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestReaderPieces reads by pieces of all kinds.
func TestReaderPieces(t *testing.T) {
	for name, data := range allTars(t) {
		if len(data) > 400<<10 {
			continue
		}
		limits := Limits{Unpacked: 64 << 20}
		want, wantErr := readTar(NewReader(bytes.NewReader(data), limits))
		for how, reader := range map[string]io.Reader{
			"bytes": iotest.OneByteReader(bytes.NewReader(data)),
			"half":  iotest.HalfReader(bytes.NewReader(data)),
			"eof":   iotest.DataErrReader(bytes.NewReader(data)),
			"empty": &sometimesEmpty{r: bytes.NewReader(data)},
		} {
			got, err := readTar(NewReader(reader, limits))
			if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
				t.Errorf("%s by %s: %v instead of %v", name, how, err, wantErr)
			}
		}
	}
}

// sometimesEmpty returns 0, nil every other time, as a reader may.
type sometimesEmpty struct {
	r     io.Reader
	empty bool
}

func (s *sometimesEmpty) Read(p []byte) (int, error) {
	if s.empty = !s.empty; s.empty {
		return 0, nil
	}
	return s.r.Read(p)
}

// TestReaderSkips reads contents by Read, by parts and not at all; the headers
// stay the same.
func TestReaderSkips(t *testing.T) {
	for name, data := range allTars(t) {
		limits := Limits{Unpacked: 64 << 20}
		want, err := readTar(NewReader(bytes.NewReader(data), limits))
		if err != nil {
			continue
		}
		r := NewReader(bytes.NewReader(data), limits)
		for i, e := range want {
			h, err := r.Next()
			if err != nil || string(h.Name) != e.Name || h.Size != int64(len(e.Content)) {
				t.Fatalf("%s, entry %d: %v, %v", name, i, h, err)
			}
			checkPart(t, r, e.Content, i)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: %v after the last entry", name, err)
		}
	}
}

// checkPart reads nothing, a half, or all, by pieces that are small or large.
func checkPart(t *testing.T, r *Reader, content string, i int) {
	p := make([]byte, len(content)*(i%3)/2)
	var err error
	if i%2 == 0 {
		_, err = io.ReadFull(r, p)
	} else {
		_, err = io.ReadFull(iotest.OneByteReader(r), p)
	}
	if err != nil || string(p) != content[:len(p)] {
		t.Fatalf("entry %d: other content, or %v", i, err)
	}
	if n, err := r.Read(make([]byte, 1)); i%3 == 2 && (n != 0 || err != io.EOF) {
		t.Fatalf("entry %d: %d, %v at the end of its content", i, n, err)
	}
}

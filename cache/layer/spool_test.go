package layer

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestSpool reads records back in any order, also while more are added, from memory,
// from the file and from what is not yet in the file.
func TestSpool(t *testing.T) {
	s := spool{dir: t.TempDir()}
	defer s.close()
	rng := rand.New(rand.NewPCG(1, 2))
	record := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), 7}, i*7919%400) }
	var refs []uint32
	var buf []byte
	for i := range 40_000 {
		ref, err := s.add(record(i))
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
		look := rng.IntN(i + 1)
		if i%3 == 0 {
			look = i
		}
		if buf, err = s.get(refs[look], buf); err != nil || !bytes.Equal(buf, record(look)) {
			t.Fatalf("record %d of %d: %d bytes, %v", look, i, len(buf), err)
		}
	}
	if s.filed == 0 || len(s.tail) == 0 || len(s.ring) > spoolPages {
		t.Errorf("%d bytes in the file, %d behind it, %d pages", s.filed, len(s.tail), len(s.ring))
	}
}

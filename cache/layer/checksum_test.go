package layer

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestZstdChecksum says who finds a flipped bit that only changes the content: the
// frame's own checksum, or the DiffID where that is known.
func TestZstdChecksum(t *testing.T) {
	body := make([]byte, 4000)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(body)
	l := fixtures.NewLayer(fixtures.Zstd, fixtures.Entry{Name: "a", Body: string(body)})
	diffID, err := l.DiffID()
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(l.Blob, body[100:200])
	if at < 0 {
		t.Fatal("the content is not in the blob as it is")
	}
	index := func(at int, o IndexOptions) error {
		blob := bytes.Clone(l.Blob)
		blob[at] ^= 1
		_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{}, o)
		return err
	}
	known := IndexOptions{DiffID: DiffID(diffID)}
	var mismatch *MismatchError
	if err := index(at, known); !errors.As(err, &mismatch) || mismatch.What != "diffid" || mismatch.Err != nil {
		t.Errorf("content, DiffID known: %v", err)
	}
	var corrupt *CorruptError
	for name, at := range map[string]int{"content": at, "checksum": len(l.Blob) - 1} {
		if err := index(at, IndexOptions{}); !errors.As(err, &corrupt) {
			t.Errorf("%s, DiffID unknown: %v", name, err)
		}
	}
	if err := index(len(l.Blob)-1, known); err != nil {
		t.Errorf("only the checksum, DiffID known: %v", err)
	}
}

//go:build corpus

package layer

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestRealLayers reads the layers of real images, and the spans of their entries,
// and holds them against archive/tar. LAYERS_TEST_REGISTRY is the registry's
// host and port.
func TestRealLayers(t *testing.T) {
	registry := os.Getenv("LAYERS_TEST_REGISTRY")
	if registry == "" {
		t.Fatal("LAYERS_TEST_REGISTRY is not set")
	}
	seen := map[v1.Hash]bool{}
	for _, image := range []string{"python:3.10", "python:zstd", "node:1", "rpm:1", "static:1", "wasteful:1"} {
		ref, err := name.ParseReference(registry + "/" + image)
		if err != nil {
			t.Fatal(err)
		}
		img, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range layers {
			if digest, err := l.Digest(); err != nil {
				t.Fatal(err)
			} else if !seen[digest] {
				seen[digest] = true
				t.Run(fmt.Sprintf("%s/%d", image, i), func(t *testing.T) { realLayer(t, l) })
			}
		}
	}
}

func realLayer(t *testing.T, l v1.Layer) {
	rc, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	blob, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	x, list := passOver(t, blob)
	if x.Size() != int64(len(blob)) || x.Len() != len(list) {
		t.Errorf("%d bytes of %d, %d entries of %d", x.Size(), len(blob), x.Len(), len(list))
	}
	ours, gos := sha256.New(), sha256.New()
	n := sumOurs(t, blob, ours)
	if m := sumGos(t, blob, gos); m != n || !bytes.Equal(ours.Sum(nil), gos.Sum(nil)) {
		t.Errorf("%d entries differ from the %d of archive/tar", n, m)
	}
}

const realFormat = "%q %q %c %o %d %d %d %d\n"

// sumOurs hashes all headers and contents.
func sumOurs(t *testing.T, blob []byte, to hash.Hash) (n int) {
	d, err := NewDecoder(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for r := NewReader(d, Limits{}); ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(to, realFormat, h.Name, h.Link, h.Type, h.Mode, h.UID, h.GID, h.Size, h.ModTime.Time().UnixNano())
		if _, err := r.WriteTo(to); err != nil {
			t.Fatal(err)
		}
	}
}

// sumGos is sumOurs by archive/tar.
func sumGos(t *testing.T, blob []byte, to hash.Hash) (n int) {
	d, err := NewDecoder(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for r := tar.NewReader(d); ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(to, realFormat, h.Name, h.Linkname, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.UnixNano())
		if _, err := io.Copy(to, r); err != nil {
			t.Fatal(err)
		}
	}
}

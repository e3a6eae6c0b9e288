package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

func TestLayersOfAnImageThatIsNotStored(t *testing.T) {
	s := testStore(t)
	src := &probe{Image: image(twoLayers)}
	wantLayers(t, s, src, twoLayerPaths)
	if src.opened.Load() != 2 || len(files(t, s, blobDir)) != 0 {
		t.Errorf("%d blobs read, blobs %v", src.opened.Load(), files(t, s, blobDir))
	}
	wantLayers(t, s, src, twoLayerPaths)
	if src.opened.Load() != 2 {
		t.Error("a second question read the layers again")
	}
	check(t, s)
}

func TestLayersAreBuiltAgainWhenDamaged(t *testing.T) {
	for _, dir := range []string{tocDir, extentsDir, keptDir} {
		for name, damage := range map[string]func([]byte) []byte{
			"gone":    nil,
			"empty":   func([]byte) []byte { return nil },
			"cut":     func(b []byte) []byte { return b[:len(b)/2] },
			"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"another": func([]byte) []byte { return []byte("some other format, or a later one") },
		} {
			if dir == tocDir && name == "flipped" {
				continue // found when it is walked: see TestVerifyRepairs
			}
			t.Run(filepath.Dir(dir)+" "+name, func(t *testing.T) {
				s := testStore(t)
				st := pull(t, s, image(twoLayers), "example.org/a:1")
				img, err := s.Image(context.Background(), st.Digest)
				if err != nil {
					t.Fatal(err)
				}
				for path := range files(t, s, dir) {
					spoil(t, s.path(path), damage)
				}
				wantLayers(t, s, img, twoLayerPaths)
				check(t, s)
				if n := len(files(t, s, dir)); n != 2 {
					t.Errorf("%d files", n)
				}
			})
		}
	}
}

func spoil(t testing.TB, path string, damage func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil && damage != nil {
		err = os.WriteFile(path, damage(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Only the extents say that a blob has a DiffID: a table of contents alone is no
// proof, though it has the DiffID that the config claims.
func TestLayersAreNotTrustedWithoutProof(t *testing.T) {
	s := testStore(t)
	good := image(twoLayers)
	wantLayers(t, s, good, twoLayerPaths)
	lie := &claims{Image: image("-- 0/x --\nx\n-- 1/y --\ny\n"), of: good}
	if _, err := s.Layers(context.Background(), lie, "lie"); err == nil {
		t.Error("a blob was taken for a layer that it is not")
	}
	l := mustLayers(t, lie.Image)[0]
	if _, err := s.TOC(context.Background(), &claimsLayer{l, mustLayers(t, good)[0]}); err == nil {
		t.Error("a blob was taken for a layer that it is not")
	}
}

// claims is an image with the config of another.
type claims struct {
	v1.Image
	of v1.Image
}

func (c *claims) RawConfigFile() ([]byte, error) { return c.of.RawConfigFile() }
func (c *claims) Digest() (v1.Hash, error) {
	raw, err := c.RawManifest()
	return digestOf(raw), err
}
func (c *claims) RawManifest() ([]byte, error) {
	m, err := c.Image.Manifest()
	if err != nil {
		return nil, err
	}
	m = m.DeepCopy()
	if m.Config.Digest, err = c.of.ConfigName(); err != nil {
		return nil, err
	}
	return marshal(m)
}

type claimsLayer struct {
	v1.Layer
	of v1.Layer
}

func (c *claimsLayer) DiffID() (v1.Hash, error) { return c.of.DiffID() }

func TestTOCOfOneLayer(t *testing.T) {
	s := testStore(t)
	src := &probe{Image: image(twoLayers)}
	for range 2 {
		toc, err := s.TOC(context.Background(), mustLayers(t, src)[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := toc.Lookup("srv/data"); err != nil {
			t.Error(err)
		}
		if err := toc.Close(); err != nil {
			t.Error(err)
		}
	}
	if src.opened.Load() != 1 {
		t.Errorf("%d passes", src.opened.Load())
	}
}

func TestLayersSaysWhichLayerIsDamaged(t *testing.T) {
	s := testStore(t)
	st := pull(t, s, image(twoLayers), "example.org/a:1")
	img, err := s.Image(context.Background(), st.Digest)
	if err != nil {
		t.Fatal(err)
	}
	h := digests(t, img)[1]
	spoil(t, s.blobPath(h), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	spoil(t, s.extentsPath(h), nil)
	_, err = s.Layers(context.Background(), img, "a:1")
	var of *LayerError
	var blob *BlobError
	if !errors.As(err, &of) || of.Number != 1 || of.Image != "a:1" || !errors.As(err, &blob) || blob.Digest != h {
		t.Errorf("error %v", err)
	}
}

func TestOpenFile(t *testing.T) {
	s := testStore(t)
	src := &probe{Image: image(twoLayers)}
	st := pull(t, s, src, "example.org/a:1")
	stored, err := s.Image(context.Background(), st.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for name, img := range map[string]v1.Image{"stored": stored, "elsewhere": src.Image} {
		t.Run(name, func(t *testing.T) {
			s := s
			if name == "elsewhere" {
				s = testStore(t)
			}
			layers, err := s.Layers(context.Background(), img, name)
			if err != nil {
				t.Fatal(err)
			}
			e, err := layers[0].TOC.Lookup("etc/motd")
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, s, img, 0, e); got != "hello\n" {
				t.Errorf("content %q", got)
			}
			// What does not belong to the entry is not passed off as its content.
			e.Digest[0] ^= 1
			f, err := s.OpenFile(context.Background(), img, 0, e)
			if err != nil {
				t.Fatal(err)
			}
			var mismatch *layer.MismatchError
			if _, err := io.ReadAll(f); !errors.As(err, &mismatch) {
				t.Errorf("error %v", err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			e.Kind = layer.Symlink
			if _, err := s.OpenFile(context.Background(), img, 0, e); err == nil {
				t.Error("a symlink was opened")
			}
			if _, err := s.OpenFile(context.Background(), img, 2, e); err == nil {
				t.Error("a layer that is not there was opened")
			}
			for _, l := range layers {
				_ = l.Close()
			}
		})
	}
}

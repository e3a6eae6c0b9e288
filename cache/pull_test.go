package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/compare"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func TestPullStoresTheImage(t *testing.T) {
	for name, img := range map[string]v1.Image{
		"oci":       image(twoLayers),
		"docker":    image(twoLayers, fixtures.Docker()),
		"zstd":      image(twoLayers, fixtures.Compressed(fixtures.Zstd)),
		"no layers": image("", fixtures.Platform("linux/s390x")),
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			st := pull(t, s, img, "example.org/a:1")
			got, err := s.Image(context.Background(), st.Digest)
			if err != nil {
				t.Fatal(err)
			}
			// validate knows no zstd.
			if err := validate.Image(got); err != nil && name != "zstd" {
				t.Error(err)
			}
			if err := compare.Images(img, got); err != nil {
				t.Error(err)
			}
			check(t, s)
			for path := range files(t, s, blobDir) {
				if fi, err := os.Stat(s.path(path)); err != nil || fi.Mode() != 0o444 {
					t.Errorf("%s: %v %v", path, fi.Mode(), err)
				}
			}
		})
	}
}

func TestPullReadsNothingTwice(t *testing.T) {
	var seen steps
	s := testStore(t, seen.listen)
	base := image(twoLayers)
	layers, err := base.Layers()
	if err != nil {
		t.Fatal(err)
	}
	twice, err := mutate.AppendLayers(base, layers[0], layers[0])
	if err != nil {
		t.Fatal(err)
	}
	src := &probe{Image: twice}
	st := pull(t, s, src, "example.org/a:1")
	if n := src.opened.Load(); n != 2 {
		t.Errorf("%d blobs were opened, want 2", n)
	}
	if again := pull(t, s, src, "example.org/a:1"); again.Digest != st.Digest || src.opened.Load() != 2 {
		t.Errorf("a second pull opened %d blobs", src.opened.Load()-2)
	}
	if seen.count(Done) != 2 || seen.count(Exists) != 2 {
		t.Errorf("events: %+v", seen.events)
	}
	wantLayers(t, s, src, [][]string{twoLayerPaths[0], twoLayerPaths[1], twoLayerPaths[0], twoLayerPaths[0]})
	if src.opened.Load() != 2 {
		t.Error("what the pull derived was not used")
	}
}

func TestPullBuildsWhatIsDerivedFromABlobThatIsHere(t *testing.T) {
	s := testStore(t)
	src := &probe{Image: image(twoLayers)}
	st := pull(t, s, src, "example.org/a:1")
	for path := range files(t, s, extentsDir) {
		if err := os.Remove(s.path(path)); err != nil {
			t.Fatal(err)
		}
	}
	pull(t, s, src, "example.org/a:1")
	if len(files(t, s, extentsDir)) != 2 || src.opened.Load() != 2 {
		t.Errorf("extents: %v, %d blobs opened", files(t, s, extentsDir), src.opened.Load())
	}
	// A blob that is damaged gives way to a good one, and is not thrown away.
	h := digests(t, src)[0]
	data, err := os.ReadFile(s.blobPath(h))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	overwrite(t, s.blobPath(h), data)
	if err := os.Remove(s.extentsPath(h)); err != nil {
		t.Fatal(err)
	}
	pull(t, s, src, "example.org/a:1")
	check(t, s)
	if got := files(t, s, quarantineDir); len(got) != 1 {
		t.Errorf("quarantine holds %v", got)
	}
	if _, err := s.Image(context.Background(), st.Digest); err != nil {
		t.Error(err)
	}
}

func overwrite(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wrong is an image whose parts a test replaces.
type wrong struct {
	v1.Image
	manifest, config []byte
	digest           v1.Hash
}

func (w *wrong) RawManifest() ([]byte, error)   { return w.manifest, nil }
func (w *wrong) RawConfigFile() ([]byte, error) { return w.config, nil }
func (w *wrong) Digest() (v1.Hash, error)       { return w.digest, nil }

func TestPullRefusesWhatDoesNotBelongTogether(t *testing.T) {
	img := image(twoLayers)
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	ids := diffIDs(t, img)
	swap := func(data []byte, old, new string) []byte { return bytes.Replace(data, []byte(old), []byte(new), 1) }
	withConfig := func(c []byte) ([]byte, []byte) {
		return swap(manifest, digestOf(config).String(), digestOf(c).String()), c
	}
	for name, change := range map[string]func() ([]byte, []byte){
		"another config":  func() ([]byte, []byte) { return manifest, append([]byte(" "), config...) },
		"no JSON":         func() ([]byte, []byte) { return []byte("<html>"), config },
		"null manifest":   func() ([]byte, []byte) { return []byte("null"), config },
		"null config":     func() ([]byte, []byte) { return withConfig([]byte("null")) },
		"too few DiffIDs": func() ([]byte, []byte) { return withConfig(swap(config, `"`+ids[0].String()+`",`, "")) },
		"negative size":   func() ([]byte, []byte) { return swap(manifest, `"size":`, `"size":-`), config },
		"negative sizes": func() ([]byte, []byte) {
			return bytes.ReplaceAll(manifest, []byte(`"size":`), []byte(`"size":-`)), config
		},
		"one blob, two IDs": func() ([]byte, []byte) {
			return swap(manifest, digests(t, img)[1].String(), digests(t, img)[0].String()), config
		},
		"a manifest too big": func() ([]byte, []byte) { return append(bytes.Repeat([]byte(" "), manifestLimit), manifest...), config },
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			m, c := change()
			_, err := s.Pull(context.Background(), &wrong{Image: img, manifest: m, config: c, digest: digestOf(m)}, PullOptions{Names: []string{"example.org/a:1"}})
			if name == "negative size" && err == nil {
				return // the config's size is not ours to judge
			}
			var malformed *ImageError
			if !errors.As(err, &malformed) {
				t.Fatalf("error %v", err)
			}
			if got := files(t, s, blobDir); len(got) > 0 {
				t.Errorf("blobs: %v", got)
			}
		})
	}
	w := &wrong{Image: img, manifest: manifest, config: config, digest: digestOf(config)}
	if _, err := testStore(t).Pull(context.Background(), w, PullOptions{}); err == nil {
		t.Error("a manifest of another digest was taken")
	}
}

// A blob that is not what its descriptor says is never accepted, never kept under
// its name, and the error says which layer of which image.
func TestPullRefusesEveryCutAndEveryFlip(t *testing.T) {
	for _, c := range []fixtures.Compression{fixtures.Gzip, fixtures.Zstd, fixtures.None} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			img := image("-- 0/a --\n1\n", fixtures.Compressed(c))
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			blob := blobOf(layers[0])
			s := testStore(t)
			for n := range blob {
				if c == fixtures.None && n%7 != 0 {
					continue // a tar of zeros is long, and one byte of it like another
				}
				flipped := bytes.Clone(blob)
				flipped[n] ^= 0x10
				refused(t, s, img, flipped, &layer.MismatchError{})
				refused(t, s, img, blob[:n], nil)
				refused(t, s, img, append(bytes.Clone(blob), blob[:n+1]...), &layer.MismatchError{})
			}
			pull(t, s, img, "example.org/a:1")
			check(t, s)
		})
	}
}

// refused pulls an image whose only layer is another blob.
func refused(t *testing.T, s *Store, img v1.Image, blob []byte, kind *layer.MismatchError) {
	t.Helper()
	src := &probe{Image: img, body: func(_ []byte, offset int64) (io.Reader, int64, error) {
		return bytes.NewReader(blob[min(int64(len(blob)), offset):]), offset, nil
	}}
	_, err := s.Pull(context.Background(), src, PullOptions{Names: []string{"example.org/a:1"}, Display: "a:1"})
	var of *LayerError
	if !errors.As(err, &of) || of.Image != "a:1" || of.Number != 0 || of.Digest != digests(t, img)[0] {
		t.Fatalf("%d bytes: error %v", len(blob), err)
	}
	if kind != nil && !errors.As(err, &kind) {
		t.Fatalf("%d bytes: error %v is not of digest or size", len(blob), err)
	}
	if got := files(t, s, blobDir); len(got) > 0 {
		t.Fatalf("%d bytes: blobs %v", len(blob), got)
	}
	if got := files(t, s, ingestDir); kind != nil && len(got) > 0 {
		t.Fatalf("%d bytes: partial downloads %v", len(blob), got)
	}
	if all, err := s.Images(context.Background()); err != nil || len(all) > 0 {
		t.Fatalf("%d bytes: images %v, %v", len(blob), all, err)
	}
}

func TestPullRefusesAnotherDiffID(t *testing.T) {
	img := image(twoLayers)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[1] = digestOf([]byte("another"))
	bad, err := mutate.ConfigFile(img, config)
	if err != nil {
		t.Fatal(err)
	}
	s := testStore(t)
	_, err = s.Pull(context.Background(), bad, PullOptions{Display: "bad"})
	var mismatch *layer.MismatchError
	var of *LayerError
	if !errors.As(err, &of) || of.Number != 1 || !isA[*ConfigError](err) || !errors.As(err, &mismatch) || mismatch.What != "diffid" {
		t.Errorf("error %v", err)
	}
	// What is known of the blob from elsewhere does not make it another layer's.
	pull(t, s, img, "example.org/good:1")
	if _, err := s.Pull(context.Background(), bad, PullOptions{}); !isA[*ConfigError](err) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Layers(context.Background(), bad, "bad"); !isA[*ConfigError](err) {
		t.Errorf("error %v", err)
	}
	check(t, s)
}

// A download that was resumed is not begun again for what is wrong in the config.
func TestPullDoesNotRepeatForTheConfig(t *testing.T) {
	img := image("-- 0/a --\na\n", fixtures.Config(func(c *v1.ConfigFile) {
		c.RootFS.DiffIDs[0] = digestOf([]byte("another"))
	}))
	src := &probe{Image: img}
	src.body = func(blob []byte, offset int64) (io.Reader, int64, error) {
		if offset == 0 {
			blob = blob[:10]
		}
		return bytes.NewReader(blob[offset:]), offset, nil
	}
	s := testStore(t)
	if _, err := s.Pull(context.Background(), src, PullOptions{}); !isA[*ConfigError](err) {
		t.Errorf("error %v", err)
	}
	if got := src.opened.Load(); got != 2 {
		t.Errorf("%d requests", got)
	}
}

func TestPullStopsWithItsContext(t *testing.T) {
	s := testStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	src := &probe{Image: image(twoLayers), body: func(blob []byte, offset int64) (io.Reader, int64, error) {
		cancel()
		return io.MultiReader(bytes.NewReader(blob[offset:offset+10]), failing{errHang}), offset, nil
	}}
	_, err := s.Pull(ctx, src, PullOptions{Names: []string{"example.org/a:1"}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if left := files(t, s, leaseDir); len(left) > 1 {
		t.Errorf("leases %v", left)
	}
	pull(t, s, src.Image, "example.org/a:1")
	check(t, s)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

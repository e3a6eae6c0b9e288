package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// tree is the files of a container by their paths. A text that begins with
// linkMark is a symbolic link.
type tree map[string]string

const linkMark = "\x00link to "

// blob adds a blob and describes it.
func (f tree) blob(mediaType types.MediaType, data string) v1.Descriptor {
	h, n, err := v1.SHA256(strings.NewReader(data))
	if err != nil {
		panic(err)
	}
	f["blobs/sha256/"+h.Hex] = data
	return v1.Descriptor{MediaType: mediaType, Size: n, Digest: h}
}

func (f tree) json(mediaType types.MediaType, v any) v1.Descriptor {
	return f.blob(mediaType, marshal(v))
}

// image adds an image with a layer for each text, and describes its manifest.
func (f tree) image(arch string, texts ...string) v1.Descriptor {
	m := &v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{}}
	config := configOf(arch, texts...)
	for _, text := range texts {
		m.Layers = append(m.Layers, f.blob(types.OCILayer, gzipOf(layerOf(text))))
	}
	m.Config = f.json(types.OCIConfigJSON, config)
	return f.json(types.OCIManifestSchema1, m)
}

// layout makes the tree an OCI layout with this index.json.
func (f tree) layout(manifests ...v1.Descriptor) tree {
	f[layoutFile] = `{"imageLayoutVersion": "1.0.0"}`
	f[indexFile] = marshal(&v1.IndexManifest{SchemaVersion: 2, Manifests: manifests})
	return f
}

func (f tree) index(manifests ...v1.Descriptor) v1.Descriptor {
	return f.json(types.OCIImageIndex, &v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: manifests,
	})
}

// dir writes the files into a new directory.
func (f tree) dir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		path := filepath.Join(dir, name)
		if to, ok := strings.CutPrefix(text, linkMark); ok {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		writeFile(t, path, text)
	}
	return dir
}

// tar returns the files as a tar, sorted by name.
func (f tree) tar() string {
	var names []string
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f[name]))}
		if to, ok := strings.CutPrefix(f[name], linkMark); ok {
			h = &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, f[name]); err != nil {
				panic(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// tarFile writes the tar into a new file.
func (f tree) tarFile(t *testing.T) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "image.tar"), f.tar())
}

// saved makes the tree what docker save writes of one image, with these tags, whose
// layers lie at the paths.
func (f tree) saved(tags []string, config *v1.ConfigFile, paths ...string) tree {
	text := marshal(config)
	name := hashOf(text).Hex + ".json"
	f[name] = text
	return f.savedManifest(savedImage{Config: name, RepoTags: tags, Layers: paths})
}

func (f tree) savedManifest(images ...savedImage) tree {
	f[dockerManifestFile] = marshal(images)
	return f
}

func configOf(arch string, texts ...string) *v1.ConfigFile {
	c := &v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}}
	for _, text := range texts {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, hashOf(layerOf(text)))
	}
	return c
}

// layerOf is a layer with one file.
func layerOf(text string) string { return tree{"file": text}.tar() }

func hashOf(data string) v1.Hash {
	h, _, err := v1.SHA256(strings.NewReader(data))
	if err != nil {
		panic(err)
	}
	return h
}

func marshal(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func gzipOf(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func zstdOf(s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func tagged(d v1.Descriptor, name string) v1.Descriptor {
	d.Annotations = map[string]string{refName: name}
	return d
}

func forPlatform(d v1.Descriptor, platform string) v1.Descriptor {
	parts := strings.Split(platform, "/")
	d.Platform = &v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) > 2 {
		d.Platform.Variant = parts[2]
	}
	return d
}

func openText(t *testing.T, text string, o Options, all bool) ([]*Image, error) {
	t.Helper()
	ref, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	images, err := find(context.Background(), ref, o, all)
	t.Cleanup(func() {
		for _, i := range images {
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return images, err
}

// openOne opens an image that must be there.
func openOne(t *testing.T, text string, o Options) *Image {
	t.Helper()
	images, err := openText(t, text, o, false)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return images[0]
}

// checkLayers reads all that an image says, and fails where it contradicts itself:
// sizes, digests and DiffIDs are those of what is read.
func checkLayers(t *testing.T, img v1.Image) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for n, l := range layers {
		if err := checkLayer(l); err != nil {
			t.Errorf("layer %d: %v", n, err)
		}
	}
}

func checkLayer(l v1.Layer) error {
	digest, _ := l.Digest()
	diffID, _ := l.DiffID()
	size, _ := l.Size()
	for _, c := range []struct {
		open func() (io.ReadCloser, error)
		want v1.Hash
		size int64
	}{{l.Compressed, digest, size}, {l.Uncompressed, diffID, -1}} {
		r, err := c.open()
		if err != nil {
			return err
		}
		got, n, err := v1.SHA256(r)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
		if got != c.want || c.size >= 0 && n != c.size {
			return fmt.Errorf("%d bytes, %v; want %d, %v", n, got, c.size, c.want)
		}
	}
	return nil
}

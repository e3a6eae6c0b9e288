//go:build corpus

package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// shape is of an image that is large in some way.
type shape struct {
	layers, entries int
	linked          bool // every file has a second name
}

func (l shape) files() int {
	if l.linked {
		return 2 * l.layers * l.entries
	}
	return l.layers * l.entries
}

// TestMemoryIsBounded holds the program to its bound of memory on images that are
// large in one way: many entries in a layer, many layers, and large layers that would
// be read side by side.
func TestMemoryIsBounded(t *testing.T) {
	const bound = 150 // MB
	program := built(t)
	for _, c := range []shape{{1, 1_000_000, false}, {300, 1_000, false}, {2, 600_000, true}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
			writeLayout(t, dir, c)
			for _, when := range []string{"cold", "second", "warm"} {
				mb, out := peak(t, program, "inspect", "-f", "json", "oci:"+dir)
				t.Logf("%s: %d MB", when, mb)
				if mb > bound {
					t.Errorf("a %s inspect took %d MB, more than %d", when, mb, bound)
				}
				if n := filesOf(t, out); n != c.files() {
					t.Errorf("%s: %d files, not %d", when, n, c.files())
				}
			}
			for _, args := range [][]string{{"pull", "-q", "oci:" + dir}, {"cache", "verify"}, {"base", "--export", filepath.Join(dir, "tables.parquet"), "oci:" + dir}} {
				mb, _ := peak(t, program, args...)
				t.Logf("%s: %d MB", args[0], mb)
				if mb > bound {
					t.Errorf("%s took %d MB, more than %d", args, mb, bound)
				}
			}
		})
	}
}

func filesOf(t *testing.T, answer []byte) int {
	t.Helper()
	var report struct{ Layers []struct{ Files int } }
	if err := json.Unmarshal(answer, &report); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range report.Layers {
		n += l.Files
	}
	return n
}

// descriptor is what a manifest says of a blob.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// writeLayout writes an OCI layout of one image, layer by layer, without ever having
// one of them in memory.
func writeLayout(t *testing.T, dir string, l shape) {
	t.Helper()
	blobs := filepath.Join(dir, "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	var descriptors []descriptor
	var diffIDs []string
	for n := range l.layers {
		d, diffID := writeLayer(t, blobs, n, l)
		descriptors, diffIDs = append(descriptors, d), append(diffIDs, diffID)
	}
	const oci = "application/vnd.oci.image."
	config := writeJSON(t, blobs, oci+"config.v1+json", map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	manifest := writeJSON(t, blobs, oci+"manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config, "layers": descriptors,
	})
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": index} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeJSON(t *testing.T, blobs, mediaType string, value any) descriptor {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	if err := os.WriteFile(filepath.Join(blobs, fmt.Sprintf("%x", digest)), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return descriptor{mediaType, fmt.Sprintf("sha256:%x", digest), int64(len(content))}
}

// writeLayer writes the layer number n as a gzip stream among the blobs.
func writeLayer(t *testing.T, blobs string, n int, l shape) (d descriptor, diffID string) {
	t.Helper()
	f, err := os.CreateTemp(blobs, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	digest, unpacked := sha256.New(), sha256.New()
	z, err := gzip.NewWriterLevel(io.MultiWriter(f, digest), gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	writeEntries(t, tar.NewWriter(io.MultiWriter(z, unpacked)), n, l)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Name(), filepath.Join(blobs, fmt.Sprintf("%x", digest.Sum(nil)))); err != nil {
		t.Fatal(err)
	}
	return descriptor{"application/vnd.oci.image.layer.v1.tar+gzip", fmt.Sprintf("sha256:%x", digest.Sum(nil)), size},
		fmt.Sprintf("sha256:%x", unpacked.Sum(nil))
}

// writeEntries writes files in directories of a thousand, in an order that is not
// that of their names; every layer hides what the one below has.
func writeEntries(t *testing.T, w *tar.Writer, n int, l shape) {
	t.Helper()
	for i := range l.entries {
		i = i * 7919 % l.entries // a prime that divides no number of entries here
		body := fmt.Sprintf("%d of layer %d\n", i, n)
		h := &tar.Header{Name: fmt.Sprintf("srv/%d/some-file-with-a-name-%d", i/1000, i), Size: int64(len(body)), Mode: 0o644}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
		if !l.linked {
			continue
		}
		link := &tar.Header{Typeflag: tar.TypeLink, Name: h.Name + "-too", Linkname: h.Name, Mode: 0o644}
		if err := w.WriteHeader(link); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

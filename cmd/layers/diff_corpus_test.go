//go:build corpus && linux

package main

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layers/layers/fixtures"
)

// TestDiffAgreesWithMounts compares the paths that layers diff names, of real images,
// with those that differ between two mounts of them, attribute by attribute.
func TestDiffAgreesWithMounts(t *testing.T) {
	if !asRoot(t) {
		return
	}
	program, host := built(t), corpusHost(t)
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	for _, pair := range [][2]string{{"python:3.10", "python:3.11"}, {"app:main", "app:pr"}, {"node:1", "node:2"}, {"python:3.10", "wasteful:1"}, {"rpm:1", "static:2"}, {"python:3.10", "python:zstd"}} {
		old, new := host+"/"+pair[0], host+"/"+pair[1]
		got := map[string]bool{}
		for line := range strings.Lines(output(t, program, "diff", "--files", "-f", "jsonl", old, new)) {
			var row struct {
				Path       string
				PathBase64 []byte
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			if row.PathBase64 != nil {
				row.Path = string(row.PathBase64)
			}
			got[row.Path] = true
		}
		want := differing(mounted(t, program, old), mounted(t, program, new))
		for path := range maps.Keys(want) {
			if !got[path] {
				t.Errorf("%v: /%s differs, and diff does not say it", pair, path)
			}
		}
		for path := range maps.Keys(got) {
			if !want[path] {
				t.Errorf("%v: diff names /%s, which does not differ", pair, path)
			}
		}
	}
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	c := exec.Command(program, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return string(out)
}

// mounted are the files of an image, as its mount shows them.
func mounted(t *testing.T, program, image string) map[string]fixtures.OnDisk {
	t.Helper()
	dir := t.TempDir()
	output(t, program, "mount", image, dir)
	defer output(t, program, "umount", dir)
	list, err := fixtures.Disk(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]fixtures.OnDisk{}
	for _, f := range list {
		f.ModTime = time.Time{}
		sum := sha256.Sum256([]byte(f.Content))
		f.Content = string(sum[:])
		files[f.Path] = f
	}
	return files
}

func differing(old, new map[string]fixtures.OnDisk) map[string]bool {
	all := map[string]bool{}
	for _, path := range slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(new))) {
		a, inOld := old[path]
		b, inNew := new[path]
		if !inOld || !inNew || !reflect.DeepEqual(a, b) {
			all[path] = true
		}
	}
	return all
}

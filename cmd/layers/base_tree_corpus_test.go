//go:build corpus

package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/inspect/fleet"
)

// builtOn is what the corpus's Dockerfiles say; "" is from scratch.
var builtOn = map[string]string{
	"debian:bookworm-slim": "",
	"python:3.10":          "debian:bookworm-slim", "python:3.11": "debian:bookworm-slim",
	"python:zstd": "debian:bookworm-slim", // python:3.10, compressed in another way
	"app:main":    "python:3.10", "app:pr": "python:3.10",
	"wasteful:1": "debian:bookworm-slim", "many:100": "debian:bookworm-slim",
	"node:1": "debian:bookworm-slim", "node:2": "debian:bookworm-slim",
	"static:1": "", "static:2": "", "rpm:1": "", "rpm:2": "", // alike, and nobody's base
}

// TestBasesOfRealImages finds the base of every image of the corpus, by manifests alone
// and with all layers read; where the base is not among them, the next one below is.
func TestBasesOfRealImages(t *testing.T) {
	program, host := built(t), corpusHost(t)
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	for _, without := range []string{"", "python:3.10", "debian:bookworm-slim"} {
		for _, how := range [][]string{{"--remote"}, nil} {
			args := slices.Concat([]string{"base", "-f", "jsonl"}, how)
			for _, name := range slices.Sorted(maps.Keys(builtOn)) {
				if name != without {
					args = append(args, host+"/"+name)
				}
			}
			checkTree(t, output(t, program, args...), host, without)
		}
	}
}

// TestRecompressedImageIsNearlyTheSame finds that python:zstd is python:3.10 in other
// blobs, by manifests alone, and what one of them less would save.
func TestRecompressedImageIsNearlyTheSame(t *testing.T) {
	program, host := built(t), corpusHost(t)
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	var r fleet.Report
	if err := json.Unmarshal([]byte(output(t, program, "base", "--remote", "-f", "json", host+"/python:3.10", host+"/python:zstd", host+"/node:1")), &r); err != nil {
		t.Fatal(err)
	}
	saved := int64(0)
	for _, n := range r.Near {
		saved += n.Saved.Content
		if len(n.Layers) != 2 || n.Layers[1].Differs != fleet.Compression || n.Layers[0].DiffID != n.Layers[1].DiffID || *n.Saved.Unpacked != 0 {
			t.Errorf("%+v", n)
		}
	}
	larger := int64(0)
	for _, n := range r.Near {
		larger += max(n.Layers[0].Content, n.Layers[1].Content)
	}
	if len(r.Near) != 4 || saved != larger || saved < 100e6 {
		t.Errorf("%d layers, %d bytes saved of %d", len(r.Near), saved, larger)
	}
}

func checkTree(t *testing.T, lines, host, without string) {
	t.Helper()
	seen := 0
	for line := range strings.Lines(lines) {
		var row struct{ Names, Base []string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		seen++
		name := strings.TrimPrefix(row.Names[0], host+"/")
		want := builtOn[name]
		switch {
		case want == "python:3.10" && want == without:
			want = "python:zstd" // the same layers
		case want == without:
			want = ""
		}
		if got := strings.TrimPrefix(strings.Join(row.Base, " "), host+"/"); got != want {
			t.Errorf("without %q: the base of %s is %q, want %q", without, name, got, want)
		}
	}
	most := len(builtOn)
	if without != "" {
		most--
	}
	if seen != most {
		t.Errorf("%d images of %d", seen, most)
	}
}

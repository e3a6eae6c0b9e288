//go:build corpus

package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layers/layers/inspect/fleet"
)

// suggestionsOf are those of images of the corpus.
func suggestionsOf(t *testing.T, how string, names ...string) (r fleet.SuggestReport) {
	t.Helper()
	args := []string{"base", "--suggest", "-f", "json"}
	if how != "" {
		args = append(args, how)
	}
	for _, name := range names {
		args = append(args, corpusHost(t)+"/"+name)
	}
	if err := json.Unmarshal([]byte(output(t, built(t), args...)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecompressedImageIsNotRebuilt suggests one blob for each tar of python:3.10 and of
// python:zstd, and not to build anything in another way, with layers read or not.
func TestRecompressedImageIsNotRebuilt(t *testing.T) {
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	for _, how := range []string{"--remote", ""} {
		r := suggestionsOf(t, how, "python:3.10", "python:zstd")
		larger, layers := int64(0), 0
		for _, s := range r.Suggestions {
			for _, g := range s.Groups {
				layers++
				larger += g[1].Content
				if len(g) != 2 || g[0].DiffID != g[1].DiffID || g[0].Content > g[1].Content {
					t.Errorf("%+v", g)
				}
			}
			if s.Kind != fleet.Recompress || *s.Saves.Unpacked != 0 || s.Adds.Content != s.Saves.Content {
				t.Errorf("%+v", s)
			}
		}
		if layers != 4 || r.Saved.Content != larger || larger < 100e6 {
			t.Errorf("%s: %d layers, %d bytes of %d", how, layers, r.Saved.Content, larger)
		}
	}
}

// TestPackagesOfRealImages holds what packages in one layer would save to what layers ls
// tells of the layers of node:1 and node:2: most of the files that are equal, and no more.
func TestPackagesOfRealImages(t *testing.T) {
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	r := suggestionsOf(t, "", "node:1", "node:2")
	if len(r.Suggestions) != 1 || r.Suggestions[0].Kind != fleet.PackageSets {
		t.Fatalf("%+v", r.Suggestions)
	}
	type file struct {
		Kind, Path, Digest string
		Size               int64
	}
	of, equal, bytes := map[file]bool{}, int64(0), int64(0)
	for _, l := range r.Suggestions[0].Layers {
		lines := output(t, built(t), "ls", "-R", "--layer", strconv.Itoa(l.Layer), "-f", "jsonl", l.Image, "/")
		for line := range strings.Lines(lines) {
			var f file
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatal(err)
			}
			if of[f] && f.Kind == "file" && f.Size > 0 {
				equal, bytes = equal+1, bytes+f.Size
			}
			of[f] = true
		}
	}
	if s := r.Suggestions[0]; s.Files > equal || s.Files < equal*9/10 || *s.Saves.Unpacked > bytes || *s.Saves.Unpacked < bytes*9/10 {
		t.Errorf("%d files, %d bytes; of all that are equal, %d and %d", s.Files, *s.Saves.Unpacked, equal, bytes)
	}
}

// TestSuggestionsOfRealImages: app:main and app:pr, and both of node, have nothing of the
// same files in layers of their own; their base is one.
func TestSuggestionsOfRealImages(t *testing.T) {
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	for _, names := range [][]string{{"app:main", "app:pr", "python:3.10"}, {"node:1", "node:2", "debian:bookworm-slim"}} {
		r := suggestionsOf(t, "", names...)
		if slices.ContainsFunc(r.Suggestions, func(s fleet.Suggestion) bool { return s.Kind != fleet.PackageSets }) {
			t.Errorf("%v: %+v", names, r.Suggestions)
		}
	}
}

package source

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestFileKind(t *testing.T) {
	at := func(offset int, s string) string { return strings.Repeat("\x01", offset) + s }
	for text, want := range map[string]string{
		"":                                   "empty",
		"\x7fELF\x02":                        "an ELF program",
		"%PDF-1.7":                           "a PDF",
		"PK\x03\x04":                         "a zip archive",
		"BZh91AY":                            "bzip2",
		at(32, "SIF_MAGIC"):                  "Singularity",
		at(32769, "CD001"):                   "ISO 9660",
		at(510, "\x55\xaa"):                  "boot sector",
		"hsqs":                               "squashfs",
		"!<arch>\ndebian-binary":             "a Debian package",
		"# syntax=x\n\nARG A\nfrom debian\n": "a Dockerfile",
		"FROMAGE":                            "a text file",
		"From here\n":                        "a Dockerfile", // so much for natural language
		"{\"schemaVersion\": 2}":             "a JSON document",
		"<!DOCTYPE html>":                    "an HTML page",
		"#!/bin/sh\n":                        "a script",
		"version https://git-lfs.github.com": "a Git LFS pointer",
		"hello\n":                            "a text file",
		" \n":                                "a blank text file",
		strings.Repeat("\x00", 100):          "a file of zeros",
		"\x01\x02\x03\xff":                   "a file of an unknown kind",
		strings.Repeat("aaaä", 1<<15)[:detectLength]: "a text file",
		strings.Repeat("ä", 1<<15)[1:]:               "a file of an unknown kind",
	} {
		if got := fileKind([]byte(text)); !strings.Contains(got, want) {
			t.Errorf("%.20q: %s, want %s", text, got, want)
		}
	}
}

func TestArchiveKind(t *testing.T) {
	for want, f := range map[string]tree{
		"an empty tar":                      {},
		"a tar of files (a, b)":             {"a": "", "b/c": ""},
		"(a, b, c …)":                       {"a": "", "b": "", "c": "", "d": ""},
		"a tar of a root file system":       {"etc/passwd": "", "bin/sh": ""},
		"a tar of a single layer":           {"etc/.wh.passwd": ""},
		"a Docker before 1.10":              {"repositories": "{}", "aa/layer.tar": ""},
		"one directory down, in image/":     {"image/oci-layout": "", "image/index.json": ""},
		"one directory down, in x/y/":       {"x/y/oci-layout": ""},
		"a tar of files (manifest.json)":    {dockerManifestFile: `{"name": "an app for the web"}`},
		"a tar of files (a\uFFFDb, \uFFFD)": {"\xff": "", "a\xfeb": ""},
	} {
		_, err := openText(t, f.tarFile(t), Options{}, false)
		wantError[*KindError](t, err, want)
	}
	for want, f := range map[string]tree{
		"without oci-layout":           {"a": ""},
		"with index.json, but without": {indexFile: "{}"},
		"to build an image from":       {"Dockerfile": "FROM a"},
		"with a root file system":      {"etc/passwd": ""},
		"a directory without":          {dockerManifestFile: "{}"},
	} {
		_, err := openText(t, f.dir(t), Options{}, false)
		wantError[*KindError](t, err, want)
	}
	// Where the end is not there, nobody knows what was.
	text := tree{"a": strings.Repeat("x", 512)}.tar()
	_, err := openText(t, writeFile(t, t.TempDir()+"/a.tar", text[:1024]), Options{}, false)
	wantError[*MalformedError](t, err, "cut off")
}

func TestCompressionOf(t *testing.T) {
	text := layerOf("x")
	skippable := binary.LittleEndian.AppendUint32([]byte{0x5a, 0x2a, 0x4d, 0x18}, 0)
	hostile := tree{"\x1f\x8b\x08": ""}.tar()
	for s, want := range map[string]compression{
		text: uncompressed, gzipOf(text): gzipped, zstdOf(text): zstandard, hostile: uncompressed,
		string(skippable) + zstdOf(text): zstandard, "": uncompressed, "\x1f": uncompressed, "\x28\xb5\x2f": uncompressed,
	} {
		if got := compressionOf([]byte(s)); got != want {
			t.Errorf("%.20q: %q, want %q", s, got, want)
		}
	}
}

func TestSimilar(t *testing.T) {
	have := []string{"python:3.10", "python:3.11", "localhost/mine:1", "debian:bookworm", "ghcr.io/acme/app:main"}
	for want, first := range map[string]string{
		"pyhton:3.10": "python:3.10", "python:3.12": "python:3.10", "python": "python:3.10", "mein:1": "localhost/mine:1",
		"app:pr": "ghcr.io/acme/app:main", "debian:bookwrom": "debian:bookworm", "redis:7": "", "": "",
	} {
		got := similar(want, have)
		if first == "" && len(got) > 0 || first != "" && !slices.Contains(got, first) {
			t.Errorf("%s: %q", want, got)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}} {
		if got := edits(c.a, c.b); got != c.want || edits(c.b, c.a) != got {
			t.Errorf("%q %q: %d", c.a, c.b, got)
		}
	}
}

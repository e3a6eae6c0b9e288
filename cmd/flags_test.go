package cmd

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
)

func TestLimitsFlag(t *testing.T) {
	for _, c := range []struct {
		text string
		want layer.Limits
		ok   bool
	}{
		{"entries=5", layer.Limits{Entries: 5}, true},
		{"unpacked=20G,ratio=-1", layer.Limits{Unpacked: 20e9, Ratio: -1}, true},
		{"path=4k, xattrs=2M", layer.Limits{Path: 4e3, Xattrs: 2e6}, true},
		{"names=1G", layer.Limits{Names: 1e9}, true},
		{"unpacked=9T", layer.Limits{Unpacked: 9e12}, true},
		{"", layer.Limits{}, false},
		{"entries", layer.Limits{}, false},
		{"entries=", layer.Limits{}, false},
		{"entries=0", layer.Limits{}, false},
		{"entries=-2", layer.Limits{}, false},
		{"entries=-1k", layer.Limits{}, false},
		{"entries=9223372036854775807", layer.Limits{Entries: 1<<63 - 1}, true},
		{"entries=9223372036854775807k", layer.Limits{}, false},
		{"entries=99999999999999999999", layer.Limits{}, false},
		{"files=5", layer.Limits{}, false},
	} {
		var got layer.Limits
		err := limitsFlag{&got}.Set(c.text)
		if (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func TestBestFit(t *testing.T) {
	stored := func(platforms ...string) []cache.Stored {
		var all []cache.Stored
		for _, p := range platforms {
			parts := append(strings.Split(p, "/"), "")
			all = append(all, cache.Stored{Platform: v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}})
		}
		return all
	}
	for _, c := range []struct{ want, have, best string }{
		{"linux/arm64", "linux/amd64 linux/arm64", "linux/arm64"},
		{"linux/arm64", "linux/amd64 linux/arm64/v8", "linux/arm64/v8"},
		{"linux/arm64/v9", "linux/arm64/v8", "linux/arm64/v8"},
		{"linux/arm64/v9", "linux/arm64/v8 linux/arm64/v9", "linux/arm64/v9"},
		{"linux/arm64/v8", "linux/arm64/v9", ""},
		{"linux/amd64/v3", "linux/amd64 linux/amd64/v2", "linux/amd64/v2"},
		{"linux/arm64", "linux/aarch64", "linux/aarch64"},
		{"linux/arm64", "linux/amd64 windows/arm64", ""},
	} {
		want, err := source.ParsePlatform(c.want)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if best := bestFit(want, stored(strings.Fields(c.have)...)); best != nil {
			got = best.Platform.String()
		}
		if got != c.best {
			t.Errorf("%s of %s: %q, want %q", c.want, c.have, got, c.best)
		}
	}
}

func TestClosest(t *testing.T) {
	names := []string{"python:3.10", "python:3.11", "debian:bookworm", "app"}
	for _, c := range []struct {
		name, want string
	}{
		{"pyhton:3.10", "python:3.10"}, {"python:3.1", "python:3.10"}, {"ap", "app"}, {"nothing-like-it", ""}, {"", ""},
	} {
		got := closest(c.name, names)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) == 0 || got[0] != c.want) {
			t.Errorf("%q: %v", c.name, got)
		}
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"127.0.0.1:5000/app:main", "debian:bookworm", "python:3.10", "python:3.11"}
	for name, want := range map[string]string{
		"pyhton:3.10":               "[python:3.10 python:3.11]",
		"pyhton":                    "[python:3.10 python:3.11]",
		"python:2":                  "[python:3.10 python:3.11]",
		"127.0.0.1:5000/app":        "[127.0.0.1:5000/app:main]",
		"127.0.0.1:5000/ap@sha256:": "[127.0.0.1:5000/app:main]",
		"alpine":                    "[]",
		"127.0.0.1:5000/other:1":    "[]",
		"127.0.0.1:5000/py":         "[]",
	} {
		if got := fmt.Sprint(nearNames(name, names)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestIsText(t *testing.T) {
	for text, want := range map[string]bool{
		"":                   true,
		"a\tb\r\nc\f":        true,
		"grün 文":             true,
		"cut in a rune \xe6": true,
		"\xe6\x96":           true,
		"\xff\xfea":          false,
		"a\x00b":             false,
		"\x1b[31m":           false,
		"\x7f":               false,
		"\u0085":             false,
		"a\xe6b":             false,
	} {
		if got := isText([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

package source

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestParsePlatform(t *testing.T) {
	for text, want := range map[string]string{
		"linux/amd64":        "linux/amd64",
		"linux/amd64/v1":     "linux/amd64",
		"linux/amd64/v3":     "linux/amd64/v3",
		"linux/arm64/v8":     "linux/arm64",
		"linux/arm64/8":      "linux/arm64",
		"linux/arm":          "linux/arm/v7",
		"linux/arm/6":        "linux/arm/v6",
		"linux/armhf":        "linux/arm/v7",
		"linux/armel":        "linux/arm/v6",
		"Linux/x86_64":       "linux/amd64",
		"linux/aarch64":      "linux/arm64",
		"aarch64":            "linux/arm64",
		"s390x":              "linux/s390x",
		"i386":               "linux/386",
		"windows":            "windows/" + runtime.GOARCH,
		"macos/arm64":        "darwin/arm64",
		"windows/amd64:10.0": "windows/amd64:10.0",
	} {
		if p, err := ParsePlatform(text); err != nil || p.String() != want {
			t.Errorf("%s: %s %v, want %s", text, p, err, want)
		}
	}
	for _, text := range []string{"", "/", "linux/", "a/b/c/d", "linux/am d64", "linux/amd64/"} {
		if p, err := ParsePlatform(text); err == nil {
			t.Errorf("%q: %s", text, p)
		}
	}
}

// platforms makes an index with a manifest for each platform: "" has none, "index"
// is a nested index, "attestation" and "artifact" are what they say.
func platforms(list ...string) *v1.IndexManifest {
	idx := &v1.IndexManifest{}
	for n, p := range list {
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: hashOf(fmt.Sprint(n))}
		switch p {
		case "":
		case "index":
			d.MediaType = types.OCIImageIndex
		case "attestation":
			d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
			d = forPlatform(d, "unknown/unknown")
		case "artifact":
			d.ArtifactType = "application/spdx+json"
		case "something":
			d.MediaType = "application/vnd.acme.thing"
		default:
			d = forPlatform(d, p)
		}
		idx.Manifests = append(idx.Manifests, d)
	}
	return idx
}

func TestChoosePlatforms(t *testing.T) {
	for _, c := range []struct {
		want, have string
		index      int    // of the one that is chosen, or
		err        string // what the error says
	}{
		{want: "linux/amd64", have: "linux/arm64 linux/amd64", index: 1},
		{want: "linux/arm64", have: "linux/amd64 linux/arm64/v8", index: 1},
		{want: "linux/arm64/v8", have: "linux/amd64 linux/arm64", index: 1},
		{want: "linux/arm64/v9", have: "linux/arm64/v8", index: 0},
		{want: "linux/arm64", have: "linux/arm64/v9", err: "has no linux/arm64"},
		{want: "linux/arm", have: "linux/arm/v5 linux/arm/v6", index: 1},
		{want: "linux/arm/v6", have: "linux/arm/v7 linux/arm/v6 linux/arm/v5", index: 1},
		{want: "linux/arm/v7", have: "linux/arm", index: 0},
		{want: "linux/arm/v6", have: "linux/arm", err: "has no linux/arm/v6"},
		{want: "linux/arm64", have: "linux/arm/v7", err: "has no linux/arm64"},
		{want: "linux/amd64", have: "linux/amd64/v3 linux/amd64/v2 linux/amd64", index: 2},
		{want: "linux/amd64/v3", have: "linux/amd64 linux/amd64/v2", index: 1},
		{want: "linux/amd64", have: "linux/386", err: "has no linux/amd64"},
		{want: "linux/amd64", have: "windows/amd64", err: "has no linux/amd64"},
		{want: "linux/amd64", have: "attestation linux/amd64 attestation", index: 1},
		{want: "linux/amd64", have: "linux/amd64 linux/amd64", index: 0},
		{want: "linux/amd64", have: "- attestation", index: 0},
		{want: "linux/amd64", have: "- artifact", index: 0},
		{want: "linux/amd64", have: "index", index: 0},
		{want: "linux/amd64", have: "linux/s390x index", index: 1},
		{want: "linux/amd64", have: "linux/s390x -", err: "has no linux/amd64"},
		{want: "linux/amd64", have: "- -", err: "holds 2 manifests and does not say for which platforms"},
		{want: "linux/amd64", have: "attestation", err: "an index of attestations"},
		{want: "linux/amd64", have: "something", err: "acme.thing"},
		{want: "linux/amd64", have: "artifact", err: "SBOM"},
		{want: "linux/amd64", have: "", err: "an index without manifests"},
	} {
		t.Run(c.want+" of "+c.have, func(t *testing.T) {
			list := strings.Fields(c.have)
			for i, p := range list {
				list[i] = strings.TrimPrefix(p, "-")
			}
			idx := platforms(list...)
			p, err := ParsePlatform(c.want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := choosePlatforms("x", idx, Options{Platform: &p}, false)
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v %v", got, err)
				}
			case err != nil:
				t.Error(err)
			case len(got) != 1 || got[0].Digest != idx.Manifests[c.index].Digest:
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPlatformMiss(t *testing.T) {
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "linux/s390x")
	_, err := choosePlatforms("x", platforms("linux/amd64", "attestation", "linux/arm64/v8", "linux/amd64", ""), Options{}, false)
	var miss *PlatformError
	if !errors.As(err, &miss) || miss.Want != "linux/s390x" || !slices.Equal(miss.Have, []string{"linux/amd64", "linux/arm64/v8", "unknown"}) {
		t.Errorf("%+v", err)
	}
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "a/b/c/d")
	_, err = choosePlatforms("x", platforms("linux/amd64"), Options{}, false)
	wantError[*UnavailableError](t, err, "DOCKER_DEFAULT_PLATFORM")
	t.Setenv("DOCKER_DEFAULT_PLATFORM", "")
	got, err := choosePlatforms("x", platforms("plan9/mips", "linux/"+runtime.GOARCH), Options{}, false)
	if err != nil || len(got) != 1 || got[0].Platform.OS != "linux" {
		t.Errorf("this host: %v %v", got, err)
	}
}

func TestAllPlatforms(t *testing.T) {
	idx := platforms("linux/amd64", "attestation", "", "index", "artifact")
	idx.Manifests = append(idx.Manifests, idx.Manifests[0])
	got, err := choosePlatforms("x", idx, Options{}, true)
	if err != nil || len(got) != 3 {
		t.Errorf("%v %v", got, err)
	}
}

func TestImagePlatform(t *testing.T) {
	arm := v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	for _, c := range []struct {
		os, arch   string
		descriptor *v1.Platform
		want       string
	}{
		{"linux", "amd64", nil, "linux/amd64"},
		{"linux", "arm64", &arm, "linux/arm64/v8"},
		{"linux", "amd64", &arm, "linux/amd64"}, // the config is what the image is
		{"", "", &arm, "linux/arm64/v8"},
		{"", "", nil, ""},
	} {
		if got := imagePlatform(&v1.ConfigFile{OS: c.os, Architecture: c.arch}, c.descriptor).String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

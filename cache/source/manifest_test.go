package source

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	someDigest  = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	goodConfig  = `"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "` + someDigest + `"}`
	goodLayer   = `{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": 3, "digest": "` + someDigest + `"}`
	goodStart   = `{"schemaVersion": 2, ` + goodConfig + `, `
	goodDocker  = `{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", ` + goodConfig + `, "layers": []}`
	goodPointer = `{"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 3, "digest": "` + someDigest + `"}`
	goodIndex   = `{"schemaVersion": 2, "manifests": [` + goodPointer + `]}`
)

func withLayer(old, new string) string {
	return goodStart + `"layers": [` + strings.Replace(goodLayer, old, new, 1) + `]}`
}

func withConfig(mediaType string) string {
	return strings.Replace(goodStart, "application/vnd.oci.image.config.v1+json", mediaType, 1) + `"layers": []}`
}

func TestParseManifest(t *testing.T) {
	for _, good := range []string{
		goodStart + `"layers": [` + goodLayer + `]}`,
		goodStart + `"layers": []}`,
		goodStart + `"layers": null}`,
		goodDocker,
		withConfig(""), withConfig("application/octet-stream"), // of old clients
		withLayer("gzip", "zstd"),
		goodStart + `"layers": [], "manifests": null}`,
	} {
		if _, err := parseManifest("x", []byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestParseManifestMalformed(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"both kinds", goodStart + `"layers": [], "manifests": [` + goodPointer + `]}`, "ambiguous"},
		{"both kinds without layers", goodStart + `"manifests": []}`, "ambiguous"},
		{"both kinds in other letters", goodStart + `"layers": [], "Manifests": []}`, "ambiguous"},
		{"old and index", `{"schemaVersion": 1, "fsLayers": [], "manifests": []}`, "ambiguous"},
		{"an index", goodIndex, "it is an index"},
		{"called an index", goodStart + `"mediaType": "application/vnd.oci.image.index.v1+json", "layers": []}`, "it is an index"},
		{"called something", goodStart + `"mediaType": "text/plain", "layers": []}`, "media type"},
		{"no version", strings.Replace(goodStart, `"schemaVersion": 2, `, "", 1) + `"layers": []}`, "no schemaVersion"},
		{"version 3", strings.Replace(goodDocker, ": 2", ": 3", 1), "schemaVersion is 3"},
		{"no config", `{"schemaVersion": 2, "layers": []}`, "no config"},
		{"no layers", `{"schemaVersion": 2, ` + goodConfig + `}`, "no layers"},
		{"negative size", withLayer(`"size": 3`, `"size": -3`), "layer 1: " + someDigest + ": its size is -3"},
		{"sizes overflow", goodStart + `"layers": [` + strings.Replace(goodLayer+","+goodLayer, `"size": 3`, `"size": 9223372036854775807`, 2) + `]}`, "2^63"},
		{"size too large", withLayer(`"size": 3`, `"size": 9223372036854775808`), "cannot unmarshal number"},
		{"size of another type", withLayer(`"size": 3`, `"size": 3.5`), "cannot unmarshal number"},
		{"no digest", withLayer(`"digest": "`+someDigest+`"`, `"x": 1`), "layer 1: no digest"},
		{"short digest", withLayer("aaaa", ""), "hex digits"},
		{"digest with a path", withLayer(someDigest, "sha256:../../../../etc/passwd"), "non-hex"},
		{"other algorithm", withLayer(someDigest, "sha512:"+strings.Repeat("a", 128)), "only sha256"},
		{"huge config", strings.Replace(goodDocker, `"size": 2`, `"size": 8388609`, 1), "more than 8388608"},
		{"trailing data", goodDocker + "{}", "after top-level value"},
		{"cut", goodDocker[:40], "unexpected end"},
		{"HTML", "\n<html><body>Log in</body>", "it is HTML"},
		{"empty", " \n", "it is empty"},
		{"an array", "[]", "as JSON"},
		{"null", "null", "no schemaVersion"},
		{"large", goodDocker + strings.Repeat(" ", maxManifest), "more than 4194304"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseManifest("x", []byte(c.raw))
			if e := wantError[*MalformedError](t, err, c.want); e.Name != "x" || e.What != "manifest" {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestParseManifestOfArtifact(t *testing.T) {
	layer := func(mediaType string) string {
		return withLayer("application/vnd.oci.image.layer.v1.tar+gzip", mediaType)
	}
	for _, c := range []struct{ raw, want string }{
		{`{"schemaVersion": 1, "name": "x", "fsLayers": []}`, "Docker schema 1"},
		{`{"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}`, "Docker schema 1"},
		{withConfig("application/vnd.cncf.helm.config.v1+json"), "a Helm chart"},
		{withConfig("application/vnd.wasm.config.v0+json"), "a WebAssembly module"},
		{withConfig("application/vnd.docker.plugin.v1+json"), "a Docker plugin"},
		{withConfig("application/vnd.acme.thing"), `an artifact of the type "application/vnd.acme.thing"`},
		{`{"artifactType": "application/spdx+json", ` + withConfig("application/vnd.oci.empty.v1+json")[1:], "an SBOM (SPDX)"},
		{layer("application/vnd.dev.cosign.simplesigning.v1+json"), "a signature (cosign)"},
		{layer("application/vnd.in-toto+json"), "an attestation (in-toto)"},
		{layer("application/vnd.sylabs.sif.layer.v1.sif"), "a Singularity image"},
		{layer("application/vnd.acme.layer"), `an artifact of the type "application/vnd.acme.layer"`},
		{layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"), "encrypted"},
	} {
		_, err := parseManifest("x", []byte(c.raw))
		wantError[*KindError](t, err, c.want)
	}
}

func TestParseIndex(t *testing.T) {
	if _, err := parseIndex("x", []byte(goodIndex)); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ name, raw, want string }{
		{"both kinds", `{"schemaVersion": 2, "manifests": [], "layers": []}`, "ambiguous"},
		{"both kinds with a config", `{"schemaVersion": 2, "manifests": [], "config": {}}`, "ambiguous"},
		{"a manifest", goodDocker, "it is a manifest"},
		{"called a manifest", `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifests": []}`, "it is a manifest"},
		{"an old manifest", `{"schemaVersion": 1, "fsLayers": []}`, "it is a manifest"},
		{"called something", `{"schemaVersion": 2, "mediaType": "text/html", "manifests": []}`, "media type"},
		{"no manifests", `{"schemaVersion": 2}`, "no manifests"},
		{"negative size", strings.Replace(goodIndex, `"size": 3`, `"size": -1`, 1), "manifest 1: " + someDigest},
		{"no digest", strings.Replace(goodIndex, "digest", "digits", 1), "no digest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseIndex("x", []byte(c.raw))
			wantError[*MalformedError](t, err, c.want)
		})
	}
}

func TestParseConfig(t *testing.T) {
	one := &v1.Manifest{Layers: make([]v1.Descriptor, 1)}
	good := `{"rootfs": {"type": "layers", "diff_ids": ["` + someDigest + `"]}, "history": [{"empty_layer": true}, {}, {}]}`
	for _, m := range []*v1.Manifest{one, nil} {
		if _, err := parseConfig("x", []byte(good), m); err != nil {
			t.Errorf("history is not compared: %v", err)
		}
	}
	for _, c := range []struct{ raw, want string }{
		{`{"rootfs": {"type": "layers", "diff_ids": []}}`, "names 0 layers (rootfs.diff_ids), the manifest 1"},
		{`{}`, "names 0 layers"},
		{strings.Replace(good, `"layers"`, `"squashfs"`, 1), "squashfs"},
		{strings.Replace(good, someDigest, "sha512:"+strings.Repeat("b", 128), 1), "not a sha256"},
		{strings.Replace(good, `"`+someDigest+`"`, "null", 1), "cannot parse hash"},
		{strings.Repeat(" ", maxConfig) + good, "more than 8388608"},
		{"<!DOCTYPE html>", "HTML"},
	} {
		_, err := parseConfig("x", []byte(c.raw), one)
		wantError[*MalformedError](t, err, c.want)
	}
}

// What is accepted keeps its promise to those who use it unchecked, and an image
// gives back the bytes it was made of.
func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		goodDocker, goodIndex, withLayer("", ""), withConfig("application/vnd.cncf.helm.config.v1+json"),
		`{"schemaVersion": 1, "fsLayers": []}`, goodStart + `"layers": [], "manifests": []}`, "<html>", "null", `{"schemaVersion":2,"config":null,"layers":[null]}`,
	} {
		f.Add([]byte(s), []byte(`{"os": "linux", "rootfs": {"type": "layers", "diff_ids": ["`+someDigest+`"]}}`))
	}
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		m, err := parseManifest("x", manifest)
		if _, ierr := parseIndex("x", manifest); ierr == nil && (err == nil || !isIndex(manifest) && isSet(shapeOf(manifest).Manifests)) {
			t.Fatal("it is a manifest and an index")
		}
		if err != nil {
			checkKinds(t, err)
			return
		}
		for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
			if d.Size < 0 || d.Digest.Algorithm != "sha256" || len(d.Digest.Hex) != 64 {
				t.Fatalf("accepted %+v", d)
			}
		}
		img, err := newImage(manifest, config, types.OCIManifestSchema1, ociLayout("x", directory("/nowhere")))
		if err != nil {
			checkKinds(t, err)
			return
		}
		raw, err := img.RawManifest()
		if err != nil || string(raw) != string(manifest) {
			t.Fatal("other bytes")
		}
	})
}

func shapeOf(raw []byte) *shape {
	s := new(shape)
	if err := json.Unmarshal(raw, s); err != nil {
		return new(shape)
	}
	return s
}

func checkKinds(t *testing.T, err error) {
	t.Helper()
	var malformed *MalformedError
	var kind *KindError
	if !errors.As(err, &malformed) && !errors.As(err, &kind) {
		t.Fatalf("%T %v", err, err)
	}
}

func TestImage(t *testing.T) {
	f := tree{}
	d := f.image("amd64", "one", "two", "one")
	dir := f.layout(d).dir(t)
	img := openOne(t, "oci:"+dir, Options{})
	checkLayers(t, img.Image)
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for n, l := range layers {
		byDigest, err := img.LayerByDigest(m.Layers[n].Digest)
		if err != nil || checkLayer(byDigest) != nil {
			t.Error("by digest", n, err)
		}
		byID, err := img.LayerByDiffID(config.RootFS.DiffIDs[n])
		if err != nil || checkLayer(byID) != nil {
			t.Error("by DiffID", n, err)
		}
		if mt, err := l.MediaType(); err != nil || mt != types.OCILayer {
			t.Error(mt, err)
		}
	}
	if l, err := img.LayerByDigest(m.Config.Digest); err != nil || l == nil {
		t.Error("the config as a layer:", err)
	}
	for _, find := range []func(v1.Hash) (v1.Layer, error){img.LayerByDigest, img.LayerByDiffID} {
		if _, err := find(hashOf("nothing")); err == nil {
			t.Error("found what is not there")
		}
	}
	// Nobody can change an image through what it hands out.
	m.Layers[0].Size, config.OS = 17, "plan9"
	layers[0] = nil
	again, err := img.Manifest()
	if err != nil || reflect.DeepEqual(again, m) {
		t.Error("the manifest was changed")
	}
	checkLayers(t, img.Image)
	if c, err := img.ConfigFile(); err != nil || c.OS != "linux" {
		t.Error("the config was changed")
	}
}

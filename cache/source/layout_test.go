package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// forms writes a tree as each container that holds files, and gives references.
func forms(t *testing.T, f tree, transport, tag string) []string {
	t.Helper()
	if tag != "" {
		tag = ":" + tag
	}
	return []string{transport + ":" + f.dir(t) + tag, transport + ":" + f.tarFile(t) + tag}
}

func TestLayout(t *testing.T) {
	f := tree{}
	d := f.image("arm64", "one", "two")
	f.layout(tagged(d, "app:pr"))
	for _, text := range append(forms(t, f, "oci", ""), append(forms(t, f, "oci-archive", "app:pr"), f.dir(t), f.tarFile(t))...) {
		img := openOne(t, text, Options{})
		if img.Digest != d.Digest || img.Platform.String() != "linux/arm64" || img.Index != nil || img.Remote {
			t.Errorf("%s: %+v", text, img)
		}
		if !slices.Equal(img.Names, []string{"docker.io/library/app:pr"}) || !strings.HasPrefix(img.Name, "app:pr (") {
			t.Errorf("%s: %q %q", text, img.Name, img.Names)
		}
		want := OCIArchive
		if info, err := os.Stat(img.Ref.Path); err == nil && info.IsDir() { // whatever it was called
			want = OCI
		}
		if img.From != want {
			t.Errorf("%s: from %s", text, img.From)
		}
		checkLayers(t, img.Image)
	}
}

func TestLayoutNames(t *testing.T) {
	f := tree{}
	one, two, three := f.image("amd64", "one"), f.image("amd64", "two"), f.image("amd64", "three")
	two.Annotations = map[string]string{containerdName: "docker.io/library/python:3.10", refName: "3.10"}
	path := f.layout(tagged(one, "latest"), two, tagged(three, "ghcr.io/a/b:c"), tagged(three, "also")).dir(t)
	for _, c := range []struct {
		tag    string
		digest v1.Hash
		names  string
	}{
		{"latest", one.Digest, ""},
		{"3.10", two.Digest, "docker.io/library/python:3.10"},
		{"python:3.10", two.Digest, "docker.io/library/python:3.10"},
		{"docker.io/library/python:3.10", two.Digest, "docker.io/library/python:3.10"},
		{"ghcr.io/a/b:c", three.Digest, "ghcr.io/a/b:c"},
		{"also", three.Digest, "ghcr.io/a/b:c"},
		{"@1", two.Digest, "docker.io/library/python:3.10"},
		{one.Digest.String(), one.Digest, ""},
		{"@" + three.Digest.String()[:20], three.Digest, "ghcr.io/a/b:c"},
	} {
		img := openOne(t, "oci:"+path+":"+c.tag, Options{})
		if img.Digest != c.digest || strings.Join(img.Names, " ") != c.names {
			t.Errorf("%s: %s %q %q", c.tag, img.Digest, img.Name, img.Names)
		}
	}
	have := []string{"latest", "docker.io/library/python:3.10", "3.10", "ghcr.io/a/b:c", "also"}
	for tag, want := range map[string]string{
		"": "holds 3 images", ":python": "no image \"python\"", ":b:c": "no image", ":@7": "no image", ":LATEST": "no image",
		":sha256:0000000": "no image", ":sha256:" + strings.Repeat("0", 64): "no image",
	} {
		_, err := openText(t, "oci:"+path+tag, Options{}, false)
		if e := wantError[*NotFoundError](t, err, want); !slices.Equal(e.Have, have) {
			t.Errorf("%q", e.Have)
		}
	}
	all, err := openText(t, path, Options{}, true)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if all[0].Name == all[1].Name || all[1].Name == all[2].Name {
		t.Error("names are the same")
	}
}

func TestLayoutPlatforms(t *testing.T) {
	f := tree{}
	amd, arm := f.image("amd64", "amd"), f.image("arm64", "arm")
	seen := f.json(types.OCIManifestSchema1, "an attestation, which is never read")
	seen.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	inner := f.index(forPlatform(amd, "linux/amd64"), forPlatform(arm, "linux/arm64/v8"), seen)
	outer := f.index(inner)
	for name, top := range map[string][]v1.Descriptor{
		"an index":        {tagged(inner, "a:1")},
		"an index in one": {tagged(outer, "a:1")},
		"one tag":         {tagged(forPlatform(amd, "linux/amd64"), "a:1"), tagged(forPlatform(arm, "linux/arm64/v8"), "a:1"), seen},
		"no tags":         {forPlatform(amd, "linux/amd64"), forPlatform(arm, "linux/arm64/v8")},
	} {
		t.Run(name, func(t *testing.T) {
			path := "oci:" + f.layout(top...).dir(t)
			img := openOne(t, path, Options{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}})
			if img.Digest != arm.Digest || img.Platform.String() != "linux/arm64/v8" {
				t.Errorf("%+v", img)
			}
			nested := len(top) == 1
			if nested != (img.Index != nil) || nested && *img.Index != top[0].Digest {
				t.Errorf("index %v", img.Index)
			}
			_, err := openText(t, path, Options{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}, false)
			if e := wantError[*PlatformError](t, err, "has no linux/s390x"); !slices.Equal(e.Have, []string{"linux/amd64", "linux/arm64/v8"}) {
				t.Errorf("%q", e.Have)
			}
			all, err := openText(t, path, Options{}, true)
			if err != nil || len(all) != 2 || all[0].Digest != amd.Digest || all[1].Digest != arm.Digest {
				t.Error(all, err)
			}
		})
	}
}

// A layout may hold some of an index only.
func TestLayoutOfSomePlatforms(t *testing.T) {
	f := tree{}
	amd, arm := f.image("amd64", "amd"), f.image("arm64", "arm")
	path := f.layout(f.index(forPlatform(amd, "linux/amd64"), forPlatform(arm, "linux/arm64"))).dir(t)
	if err := os.Remove(filepath.Join(path, "blobs/sha256", amd.Digest.Hex)); err != nil {
		t.Fatal(err)
	}
	_, err := openText(t, path, Options{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}, false)
	if e := wantError[*PlatformError](t, err, "linux/amd64"); !slices.Equal(e.Have, []string{"linux/arm64"}) {
		t.Errorf("%q", e.Have)
	}
	all, err := openText(t, path, Options{}, true)
	if err != nil || len(all) != 1 || all[0].Digest != arm.Digest {
		t.Error(all, err)
	}
}

func TestLayoutDamage(t *testing.T) {
	whole := tree{}
	d := whole.image("amd64", "one")
	whole.layout(d)
	img := openOne(t, whole.dir(t), Options{})
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, config, layer := "blobs/sha256/"+d.Digest.Hex, "blobs/sha256/"+m.Config.Digest.Hex, "blobs/sha256/"+m.Layers[0].Digest.Hex
	flip := func(s string) string { return s[:10] + string(s[10]^1) + s[11:] }
	for _, c := range []struct {
		name, file, text, want string
	}{
		{"manifest flipped", manifest, flip(whole[manifest]), "manifest " + d.Digest.String() + " is damaged"},
		{"manifest cut", manifest, whole[manifest][:20], "is damaged: got 20 bytes"},
		{"config flipped", config, flip(whole[config]), "config is damaged"},
		{"config missing", config, "", "config: it is not there"},
		{"manifest missing", manifest, "", "it is not there"},
		{"index missing", indexFile, "", "index.json: it is not there"},
		{"index cut", indexFile, whole[indexFile][:30], "index: as JSON"},
		{"version missing", layoutFile, "{}", "oci-layout: version"},
		{"version 2", layoutFile, `{"imageLayoutVersion": "2.0.0"}`, `version "2.0.0"`},
		{"an index of nothing", indexFile, `{"schemaVersion": 2, "manifests": []}`, "an index without manifests"},
		{"a path for a digest", indexFile, strings.Replace(whole[indexFile], d.Digest.String(), "sha256:../../../../../etc/passwd", 1), "non-hex"},
	} {
		f := tree{}
		for k, v := range whole {
			f[k] = v
		}
		f[c.file] = c.text
		if c.text == "" {
			delete(f, c.file)
		}
		for _, text := range forms(t, f, "oci", "") {
			_, err := openText(t, text, Options{}, false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	}
	delete(whole, layer)
	for _, text := range forms(t, whole, "oci", "") {
		layers, err := openOne(t, text, Options{}).Layers()
		if err != nil {
			t.Fatal(err)
		}
		_, err = layers[0].Compressed()
		wantError[*MalformedError](t, err, "layer "+m.Layers[0].Digest.String()+": it is not there")
	}
}

func TestLayoutNesting(t *testing.T) {
	f := tree{}
	d := f.image("amd64", "one")
	for range maxNested + 1 {
		d = f.index(d)
	}
	_, err := openText(t, f.layout(d).dir(t), Options{}, false)
	wantError[*MalformedError](t, err, "indexes in each other")
}

func TestLayoutArtifacts(t *testing.T) {
	f := tree{}
	signature := f.json(types.OCIManifestSchema1, &v1.Manifest{
		SchemaVersion: 2, Config: v1.Descriptor{MediaType: "application/vnd.cncf.helm.config.v1+json", Digest: hashOf("")}, Layers: []v1.Descriptor{},
	})
	f.layout(tagged(f.image("amd64", "one"), "a:1"), tagged(signature, "a:1.sig"))
	_, err := openText(t, "oci:"+f.dir(t)+":a:1.sig", Options{}, false)
	wantError[*KindError](t, err, "a Helm chart")
	all, err := openText(t, f.dir(t), Options{}, true)
	if err != nil || len(all) != 1 || all[0].Names[0] != "docker.io/library/a:1" {
		t.Error(all, err)
	}
}

// Build systems make layouts of symbolic links that lead elsewhere.
func TestLayoutOfLinks(t *testing.T) {
	f := tree{}
	f.layout(f.image("amd64", "one"))
	real := f.dir(t)
	links := tree{}
	for name := range f {
		links[name] = linkMark + filepath.Join(real, name)
	}
	checkLayers(t, openOne(t, links.dir(t), Options{}).Image)
}

func TestSkopeoDir(t *testing.T) {
	f := tree{}
	d := f.image("amd64", "one", "two")
	flat := tree{"version": "Directory Transport Version: 1.1\n", dockerManifestFile: f["blobs/sha256/"+d.Digest.Hex]}
	for name, data := range f {
		flat[filepath.Base(name)] = data
	}
	for _, path := range []string{flat.dir(t), flat.tarFile(t)} {
		img := openOne(t, path, Options{})
		if img.Digest != d.Digest || img.Name != path || img.Names != nil {
			t.Errorf("%+v", img)
		}
		checkLayers(t, img.Image)
	}
	arm := f.image("arm64", "arm")
	idx := f.index(forPlatform(d, "linux/amd64"), forPlatform(arm, "linux/arm64"))
	flat[dockerManifestFile] = f["blobs/sha256/"+idx.Digest.Hex]
	for name, data := range f {
		flat[filepath.Base(name)] = data
	}
	for _, m := range []v1.Descriptor{d, arm} {
		flat[m.Digest.Hex+".manifest.json"] = f["blobs/sha256/"+m.Digest.Hex]
	}
	img := openOne(t, flat.dir(t), Options{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}})
	if img.Digest != arm.Digest || img.Index == nil || *img.Index != idx.Digest {
		t.Errorf("%+v", img)
	}
	checkLayers(t, img.Image)
}

// TestOpenEach takes all that a layout holds, each for one platform.
func TestOpenEach(t *testing.T) {
	f := tree{}
	amd, arm, other := f.image("amd64", "amd"), f.image("arm64", "arm"), f.image("arm64", "other")
	both := f.index(forPlatform(amd, "linux/amd64"), forPlatform(arm, "linux/arm64/v8"))
	armOnly := f.index(forPlatform(other, "linux/arm64"))
	path := f.layout(tagged(both, "both"), tagged(armOnly, "arm"), tagged(amd, "plain")).dir(t)
	open := func(text, platform string) ([]*Image, []string, error) {
		t.Helper()
		ref, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var warned []string
		p, err := ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		images, err := OpenEach(t.Context(), ref, Options{Platform: &p, Warn: func(w string) { warned = append(warned, w) }})
		for _, i := range images {
			t.Cleanup(func() { i.Close() })
		}
		return images, warned, err
	}
	for _, c := range []struct {
		text, platform string
		want           []v1.Hash
		warned         int
	}{
		{"oci:" + path, "linux/arm64", []v1.Hash{arm.Digest, other.Digest, amd.Digest}, 0},
		{"oci:" + path, "linux/amd64", []v1.Hash{amd.Digest}, 1},
		{path, "linux/amd64", []v1.Hash{amd.Digest}, 1},
		{"oci:" + path + ":both", "linux/arm64", []v1.Hash{arm.Digest}, 0},
	} {
		images, warned, err := open(c.text, c.platform)
		var got []v1.Hash
		for _, i := range images {
			got = append(got, i.Digest)
		}
		if err != nil || !slices.Equal(got, c.want) || len(warned) != c.warned {
			t.Errorf("%s for %s: %v, %q, %v", c.text, c.platform, got, warned, err)
		}
	}
	images, _, err := open("oci:"+path, "linux/arm64")
	if err != nil || !slices.Equal(images[1].Tags, []string{"arm"}) || images[0].Tags[0] != "both" {
		t.Errorf("%+v, %v", images, err)
	}
	if images, _, err = open("oci:"+path, "linux/amd64"); err != nil || !slices.Equal(images[0].Tags, []string{"both", "plain"}) {
		t.Errorf("%+v, %v", images, err)
	}
	alone := f.layout(tagged(armOnly, "arm")).dir(t)
	_, _, err = open(alone, "linux/s390x")
	wantError[*PlatformError](t, err, "has no linux/s390x")
	// Platforms that index.json itself tells apart.
	flat := f.layout(tagged(forPlatform(amd, "linux/amd64"), "a:1"), tagged(forPlatform(arm, "linux/arm64/v8"), "a:1")).dir(t)
	if images, _, err = open(flat, "linux/amd64"); err != nil || len(images) != 1 || images[0].Digest != amd.Digest {
		t.Errorf("%v, %v", images, err)
	}
}

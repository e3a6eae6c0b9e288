package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// savedForms are the ways in which programs have written one and the same image.
func savedForms() map[string]tree {
	config := configOf("amd64", "one", "two")
	one, two := layerOf("one"), layerOf("two")
	tags := []string{"app:1"}
	hexOne, hexTwo := hashOf(one).Hex, hashOf(two).Hex
	zOne, zTwo := gzipOf(one), zstdOf(two)
	modern := tree{"blobs/sha256/" + hexOne: one, "blobs/sha256/" + hexTwo: two}
	text := marshal(config)
	modern["blobs/sha256/"+hashOf(text).Hex] = text
	modern.savedManifest(savedImage{
		Config: "blobs/sha256/" + hashOf(text).Hex, RepoTags: tags, Layers: []string{"blobs/sha256/" + hexOne, "blobs/sha256/" + hexTwo},
	})
	return map[string]tree{
		"docker 1.10 to 24": tree{"aa/layer.tar": one, "bb/layer.tar": two, "aa/VERSION": "1.0", "repositories": "{}"}.
			saved(tags, config, "aa/layer.tar", "bb/layer.tar"),
		"docker, a shared layer": tree{"aa/layer.tar": linkMark + "../cc/layer.tar", "cc/layer.tar": one, "bb/layer.tar": two}.
			saved(tags, config, "aa/layer.tar", "bb/layer.tar"),
		"docker 25": modern,
		"podman, skopeo": tree{hexOne + ".tar": one, hexTwo + ".tar": two, "aa/layer.tar": linkMark + "../" + hexOne + ".tar"}.
			saved(tags, config, hexOne+".tar", hexTwo+".tar"),
		"compressed layers": tree{"1.tar.gz": zOne, "2.tar": zTwo}.saved(tags, config, "1.tar.gz", "2.tar"),
		"compressed blobs": tree{"blobs/sha256/" + hashOf(zOne).Hex: zOne, "blobs/sha256/" + hashOf(zTwo).Hex: zTwo}.
			saved(tags, config, "blobs/sha256/"+hashOf(zOne).Hex, "blobs/sha256/"+hashOf(zTwo).Hex),
		"dots": tree{"./l/one": one, "./l/two": two}.saved(tags, config, "l/one", "./l/two"),
	}
}

func TestDockerArchive(t *testing.T) {
	plain := map[string]v1.Hash{}
	for name, f := range savedForms() {
		for _, text := range []string{"docker-archive:" + f.tarFile(t), "docker-archive:" + f.tarFile(t) + ":app:1", f.tarFile(t), f.dir(t)} {
			img := openOne(t, text, Options{})
			if !slices.Equal(img.Names, []string{"docker.io/library/app:1"}) || !strings.HasPrefix(img.Name, "app:1 (") || img.Platform.String() != "linux/amd64" || img.From != DockerArchive {
				t.Errorf("%s: %+v", name, img)
			}
			checkLayers(t, img.Image)
			again := openOne(t, text, Options{})
			if again.Digest != img.Digest {
				t.Errorf("%s: the digest changes", name)
			}
			if !strings.HasPrefix(name, "compressed") {
				plain[img.Digest.String()] = img.Digest
			}
		}
	}
	if len(plain) != 1 {
		t.Errorf("one image has %d digests", len(plain))
	}
}

func TestDockerArchiveMediaTypes(t *testing.T) {
	img := openOne(t, savedForms()["compressed layers"].tarFile(t), Options{})
	m, err := img.Manifest()
	if err != nil || m.Layers[0].MediaType != types.OCILayer || m.Layers[1].MediaType != types.OCILayerZStd {
		t.Error(m, err)
	}
}

func TestDockerArchiveOfMany(t *testing.T) {
	f := tree{"1": layerOf("one"), "2": layerOf("two")}
	texts := []string{marshal(configOf("amd64", "one")), marshal(configOf("amd64", "one", "two")), marshal(configOf("arm64", "two"))}
	f["c0"], f["c1"], f["c2"] = texts[0], texts[1], texts[2]
	f.savedManifest(
		savedImage{Config: "c0", RepoTags: []string{"one:1", "quay.io/a/one:2"}, Layers: []string{"1"}},
		savedImage{Config: "c1", RepoTags: []string{"both:latest"}, Layers: []string{"1", "2"}},
		savedImage{Config: "c2", Layers: []string{"2"}},
	)
	path := "docker-archive:" + f.tarFile(t)
	for tag, layers := range map[string]int{"one:1": 1, "docker.io/library/one:1": 1, "quay.io/a/one:2": 1, "both": 2, "both:latest": 2, "@1": 2, "@2": 1} {
		img := openOne(t, path+":"+tag, Options{})
		if got, err := img.Layers(); err != nil || len(got) != layers || len(img.Names) > 1 {
			t.Errorf("%s: %d layers %q %v", tag, len(got), img.Names, err)
		}
	}
	for _, tag := range []string{"", ":two", ":one", ":@3", ":sha256:0000000"} {
		_, err := openText(t, path+tag, Options{}, false)
		e := wantError[*NotFoundError](t, err, "")
		if !slices.Equal(e.Have, []string{"one:1", "quay.io/a/one:2", "both:latest", "@2"}) {
			t.Errorf("%q: %v %q", tag, e, e.Have)
		}
	}
	all, err := openText(t, path, Options{}, true)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, img := range all {
		checkLayers(t, img.Image)
	}
	// The archive is open for as long as one of its images is.
	for _, img := range all[1:] {
		if err := errors.Join(img.Close(), img.Close()); err != nil {
			t.Error(err)
		}
	}
	checkLayers(t, all[0].Image)
	if err := all[0].Close(); err != nil {
		t.Error(err)
	}
	layers, err := all[0].Layers()
	if err != nil || checkLayer(layers[0]) == nil {
		t.Error("a closed archive can be read", err)
	}
}

// Docker writes both forms since version 25. The layout says more, if it is whole.
func TestArchiveOfBothKinds(t *testing.T) {
	both := func() (tree, v1.Descriptor) {
		f := tree{"1": layerOf("one"), "2": layerOf("two")}
		f.saved([]string{"app:1"}, configOf("amd64", "one", "two"), "1", "2")
		d := f.image("amd64", "one", "two")
		named := d
		named.Annotations = map[string]string{containerdName: "docker.io/library/app:1", refName: "1"}
		f.layout(named)
		return f, d
	}
	f, d := both()
	for _, text := range []string{f.tarFile(t), "docker-archive:" + f.tarFile(t) + ":app:1", "oci-archive:" + f.tarFile(t) + ":1"} {
		if img := openOne(t, text, Options{}); img.Digest != d.Digest || img.Names[0] != "docker.io/library/app:1" {
			t.Errorf("%s: %+v", text, img)
		}
	}
	for name := range f {
		if !strings.HasPrefix(name, "blobs/") {
			continue
		}
		f, d := both()
		delete(f, name)
		img := openOne(t, f.tarFile(t), Options{})
		if img.Digest == d.Digest {
			t.Errorf("without %s it is not whole", name)
		}
		checkLayers(t, img.Image)
	}
	f, _ = both()
	f.savedManifest(savedImage{Config: "gone", RepoTags: []string{"other:1"}})
	_, err := openText(t, "docker-archive:"+f.tarFile(t)+":other:1", Options{}, false)
	wantError[*MalformedError](t, err, "config")
}

func TestDockerArchiveMalformed(t *testing.T) {
	good := func() tree { return tree{"1": layerOf("one")}.saved([]string{"a:1"}, configOf("amd64", "one"), "1") }
	name := hashOf(marshal(configOf("amd64", "one"))).Hex + ".json"
	for _, c := range []struct {
		name   string
		change func(f tree)
		want   string
	}{
		{"no image", func(f tree) { f[dockerManifestFile] = "[]" }, "names no image"},
		{"not JSON", func(f tree) { f[dockerManifestFile] = "[{" }, "as JSON"},
		{"a layer less", func(f tree) { delete(f, "1") }, "layer 1"},
		{"no config", func(f tree) { delete(f, name) }, "config"},
		{"another config", func(f tree) { f[name] = marshal(configOf("arm64", "one")) }, "config is damaged"},
		{"layers against diff_ids", func(f tree) { f.savedManifest(savedImage{Config: name, Layers: []string{"1", "1"}}) }, "2 layers, the config 1"},
		{"a way out", func(f tree) {
			f.savedManifest(savedImage{Config: "../../../../../../etc/passwd", Layers: []string{"1"}})
		}, "config"},
		{"a loop", func(f tree) { f["1"] = linkMark + "2"; f["2"] = linkMark + "1" }, "layer 1"},
		{"a link out", func(f tree) { f["1"] = linkMark + "../../../../etc/nothing" }, "layer 1"},
	} {
		f := good()
		c.change(f)
		for _, path := range []string{f.tarFile(t), f.dir(t)} {
			_, err := openText(t, path, Options{}, false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	}
}

// Whatever is damaged in an archive, nobody reads a layer that is not what its
// image says, and nothing panics.
func TestArchiveDamage(t *testing.T) {
	f := tree{"1": layerOf("one")}
	f.saved([]string{"a:1"}, configOf("amd64", "one"), "1")
	d := f.image("amd64", "one")
	for name, text := range map[string]string{
		"docker-archive": f.tar(),
		"oci-archive":    tree{}.with(f, "blobs/").layout(d).tar(),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range len(text) {
				damaged := []byte(text)
				damaged[n] ^= 1 << (n % 8)
				checkDamaged(t, damaged)
			}
			for n := 0; n < len(text); n += 64 {
				checkDamaged(t, []byte(text[:n]))
			}
		})
	}
}

func (f tree) with(other tree, prefix string) tree {
	for k, v := range other {
		if strings.HasPrefix(k, prefix) {
			f[k] = v
		}
	}
	return f
}

// checkDamaged opens an archive. If that succeeds, and the layers can be read, they
// are what the image says, or reading them shows that they are not.
func checkDamaged(t *testing.T, raw []byte) {
	t.Helper()
	ref := Reference{Text: "-", Transport: Path, Path: "-"}
	img, err := Open(context.Background(), ref, Options{Stdin: bytes.NewReader(raw)})
	if err != nil {
		var kind *KindError
		var malformed *MalformedError
		var digest *DigestError
		var lost *NotFoundError
		if !errors.As(err, &kind) && !errors.As(err, &malformed) && !errors.As(err, &digest) && !errors.As(err, &lost) {
			t.Fatalf("%T %v", err, err)
		}
		return
	}
	config, err := img.ConfigFile()
	if err != nil || len(config.RootFS.DiffIDs) != 1 || config.RootFS.DiffIDs[0] != hashOf(layerOf("one")) {
		t.Fatalf("another config: %+v %v", config, err)
	}
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestArchiveDuplicates(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, text := range []string{"first", "./second"} {
		name := "name"
		if strings.HasPrefix(text, "./") {
			name = "./dir/../name"
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := readAll(openArchive(t, b.Bytes()), "name", 100)
	if err != nil || string(raw) != "./second" {
		t.Errorf("%q %v", raw, err)
	}
}

func openArchive(t *testing.T, raw []byte) *archive {
	t.Helper()
	path := writeFile(t, filepath.Join(t.TempDir(), "a"), string(raw))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newArchive(context.Background(), &input{file: f, size: int64(len(raw))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestArchiveMembers(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "dir/", Typeflag: tar.TypeDir},
		{Name: "fifo", Typeflag: tar.TypeFifo},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "./file"},
		{Name: "a/b/soft", Typeflag: tar.TypeSymlink, Linkname: "../../../../hard"},
		{Name: "root", Typeflag: tar.TypeSymlink, Linkname: "/a/b/soft"},
		{Name: "file", Typeflag: tar.TypeReg},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a := openArchive(t, b.Bytes())
	for name, want := range map[string]bool{
		"file": true, "hard": true, "a/b/soft": true, "/root": true, "../../file": true,
		"dir": false, "fifo": false, "none": false, "": false,
	} {
		if got := a.has(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzArchive(f *testing.F) {
	for _, saved := range savedForms() {
		f.Add([]byte(saved.tar()))
	}
	l := tree{}
	f.Add([]byte(l.layout(tagged(l.image("amd64", "one"), "a:1")).tar()))
	f.Add([]byte(gzipOf(l.tar())))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ref := Reference{Text: "-", Transport: Path, Path: "-"}
		images, err := OpenAll(context.Background(), ref, Options{Stdin: bytes.NewReader(raw)})
		if err != nil {
			return
		}
		for _, img := range images {
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range layers {
				size, err := l.Size()
				if err != nil || size < 0 {
					t.Fatal(size, err)
				}
				_ = checkLayer(l) // it may well be damaged
			}
			if err := img.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

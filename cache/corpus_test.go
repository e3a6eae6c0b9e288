//go:build corpus

package cache

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/layers/layers/fixtures"
)

func corpusImage(t testing.TB, repo string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(os.Getenv("LAYERS_TEST_REGISTRY")+"/"+repo, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Other tools read the store as the OCI image layout that it is. (skopeo finds no
// manifest of Docker's media type in a layout, whoever wrote it.)
func TestCorpusIsReadBySkopeo(t *testing.T) {
	s := testStore(t)
	images := map[string]v1.Image{
		"docker.io/library/many:100":    corpusImage(t, "many:100"),
		"docker.io/library/python:3.10": corpusImage(t, "python:3.10"),
		"docker.io/library/zstd:1":      corpusImage(t, "python:zstd"),
		"example.org/a/b_c.d:v1-2":      fixtures.Image("-- 0/a --\na\n"),
	}
	for name, img := range images {
		pull(t, s, img, name)
	}
	check(t, s)
	for name, img := range images {
		out, err := exec.Command("skopeo", "inspect", "oci:"+s.Dir()+":"+name).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		var got struct {
			Digest v1.Hash
			Layers []v1.Hash
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		want, err := img.Digest()
		if err != nil || got.Digest != want || len(got.Layers) != len(digests(t, img)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A tool that writes to the store does no harm, and what it wrote can be read.
func TestCorpusIsWrittenBySkopeo(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	st := pull(t, s, corpusImage(t, "static:1"), "docker.io/library/static:1")
	cmd := exec.Command("skopeo", "copy", "--src-tls-verify=false",
		"docker://"+os.Getenv("LAYERS_TEST_REGISTRY")+"/many:100", "oci:"+s.Dir()+":other")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := reopen(t, s.Dir()).Images(ctx)
	if err != nil || len(all) != 2 || all[0].Name != "docker.io/library/static:1" || all[0].Digest != st.Digest || all[1].Name != "other" {
		t.Fatalf("%+v, %v", all, err)
	}
	img, err := s.Image(ctx, all[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := s.Layers(ctx, img, "other")
	if err != nil || len(layers) != len(digests(t, img)) {
		t.Fatal(len(layers), err)
	}
	for _, l := range layers {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if r, err := s.Prune(ctx, false); err != nil || r.Blobs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	check(t, s)
}

func BenchmarkCorpusLayersWarm(b *testing.B) {
	ctx := context.Background()
	s := testStore(b)
	st := pull(b, s, corpusImage(b, "python:3.10"), "docker.io/library/python:3.10")
	b.ReportAllocs()
	for b.Loop() {
		img, err := s.Image(ctx, st.Digest)
		if err != nil {
			b.Fatal(err)
		}
		layers, err := s.Layers(ctx, img, "a")
		if err != nil {
			b.Fatal(err)
		}
		for _, l := range layers {
			_ = l.Close() // read only
		}
	}
}

func BenchmarkCorpusPull(b *testing.B) {
	img := corpusImage(b, "python:3.10")
	b.ReportAllocs()
	for b.Loop() {
		s := testStore(b)
		pull(b, s, img, "docker.io/library/python:3.10")
	}
}

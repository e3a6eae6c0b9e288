//go:build corpus

package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Whatever form skopeo gives to an image, we read the same manifest, the same config
// and the same layers out of it as skopeo does.
func TestCorpusForms(t *testing.T) {
	emptyHome(t)
	host := corpusHost(t)
	for _, name := range []string{"static:1", "many:100", "python:zstd", "rpm:1"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, form := range []string{"oci:" + dir + "/oci", "oci-archive:" + dir + "/oci.tar", "docker-archive:" + dir + "/docker.tar", "dir:" + dir + "/dir"} {
				transport, path, _ := strings.Cut(form, ":")
				if name == "python:zstd" && transport == "docker-archive" {
					continue // Docker's manifests know no zstd, so skopeo refuses
				}
				tag := form
				if transport != "dir" {
					tag += ":" + name
				}
				skopeo(t, "copy", "-q", "--src-tls-verify=false", "docker://"+host+"/"+name, tag)
				texts := []string{path}
				if transport != "dir" {
					texts = append(texts, form, tag)
				}
				for n, text := range texts {
					img := openOne(t, text, Options{})
					checkAgainstSkopeo(t, img, tag, transport != "docker-archive")
					if n == 0 {
						checkLayers(t, img.Image)
					}
				}
			}
		})
	}
}

func checkAgainstSkopeo(t *testing.T, img *Image, ref string, digest bool) {
	t.Helper()
	var config v1.ConfigFile
	rawConfig := skopeo(t, "inspect", "--raw", "--config", ref)
	if err := json.Unmarshal(rawConfig, &config); err != nil {
		t.Fatal(err)
	}
	ours, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(ours), bytes.TrimSpace(rawConfig)) {
		t.Errorf("%s: another config", ref)
	}
	if got := idsOf(t, img); !slices.Equal(got, config.RootFS.DiffIDs) {
		t.Errorf("%s: DiffIDs %v, skopeo has %v", ref, got, config.RootFS.DiffIDs)
	}
	if !digest {
		return
	}
	if want := hashOf(string(skopeo(t, "inspect", "--raw", ref))); img.Digest != want {
		t.Errorf("%s: %s, skopeo has %s", ref, img.Digest, want)
	}
}

func idsOf(t *testing.T, img *Image) []v1.Hash {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var ids []v1.Hash
	for _, l := range layers {
		id, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// The archives that people compress are the ones that skopeo wrote.
func TestCorpusCompressed(t *testing.T) {
	emptyHome(t)
	path := filepath.Join(t.TempDir(), "a.tar")
	skopeo(t, "copy", "-q", "--src-tls-verify=false", "docker://"+corpusHost(t)+"/node:1", "docker-archive:"+path+":app:main")
	plain := openOne(t, path, Options{})
	for program, ending := range map[string]string{"gzip": ".gz", "zstd": ".zst"} {
		run(t, program, "-1", "-k", "-q", path)
		img := openOne(t, path+ending, Options{TempDir: t.TempDir()})
		if img.Digest != plain.Digest {
			t.Errorf("%s: %s, not %s", program, img.Digest, plain.Digest)
		}
		checkLayers(t, img.Image)
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func BenchmarkCorpusOpen(b *testing.B) {
	dir := b.TempDir()
	host := os.Getenv("LAYERS_TEST_REGISTRY")
	for form, path := range map[string]string{"oci": dir + "/oci", "docker-archive": dir + "/docker.tar"} {
		args := []string{"copy", "-q", "--src-tls-verify=false", "docker://" + host + "/many:100", form + ":" + path + ":many:100"}
		if out, err := exec.Command("skopeo", args...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Run(fmt.Sprintf("%s of 100 layers", form), func(b *testing.B) {
			for b.Loop() {
				img, err := Open(b.Context(), Reference{Text: path, Transport: Path, Path: path}, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if err := img.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

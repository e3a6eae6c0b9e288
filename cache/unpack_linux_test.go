package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func init() { roles["unpacker"] = unpacker }

// unpackedImage has two layers of many files, of which the upper hides some.
func unpackedImage() v1.Image {
	var low, top []fixtures.Entry
	for i := range 300 {
		low = append(low, fixtures.Entry{Name: fmt.Sprintf("d%d/f%d", i%20, i), Body: noise(100 + 50*i)})
		top = append(top, fixtures.Entry{Name: fmt.Sprintf("d%d/f%d", i%7, i), Body: fmt.Sprint("top", i)})
	}
	low = append(low, fixtures.Entry{Name: "large", Body: noise(900_000)})
	return fixtures.FromLayers([]*fixtures.Layer{fixtures.NewLayer(fixtures.Gzip, low...), fixtures.NewLayer(fixtures.Zstd, top...)})
}

func unpacker(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	_, err = s.Unpack(context.Background(), unpackedImage(), args[1], UnpackOptions{KeepOwner: true})
	return errors.Join(err, s.Close())
}

func listed(t *testing.T, dir string) []fixtures.OnDisk {
	t.Helper()
	files, err := fixtures.Disk(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestKilledUnpack kills a process that unpacks at random moments: the directory
// is whole or not there, and what it left goes at the next run.
func TestKilledUnpack(t *testing.T) {
	t.Parallel() // most of its time goes to disks
	room := t.TempDir()
	store, dir := filepath.Join(room, "store"), filepath.Join(room, "out", "rootfs")
	if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func() { // to its end
		if out, err := startAs(t, "unpacker", store, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	run()
	whole, took := listed(t, dir), time.Since(start)
	rng := rand.New(rand.NewPCG(4, 4))
	for range kills {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		cmd := startAs(t, "unpacker", store, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took) * 3 / 2)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if got := listed(t, dir); !reflect.DeepEqual(got, whole) {
			t.Fatal("the directory is there and is not whole")
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	run()
	if found := listed(t, filepath.Dir(dir)); found[1].Path != "rootfs" || len(found) != len(whole)+1 {
		t.Errorf("%d files, the first is %s: what was killed has left something", len(found), found[1].Path)
	}
}

// TestUnpackOfDamage says that a damaged blob is found, and nothing left behind.
func TestUnpackOfDamage(t *testing.T) {
	s := testStore(t)
	img := unpackedImage()
	if _, err := s.Pull(t.Context(), img, PullOptions{}); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Image(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	first, err := mustLayers(t, img)[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	blob, err := os.ReadFile(s.blobPath(first))
	if err != nil {
		t.Fatal(err)
	}
	room := t.TempDir()
	for range 20 {
		at := rand.IntN(len(blob))
		blob[at] ^= 1
		if err := errors.Join(os.Chmod(s.blobPath(first), 0o600), os.WriteFile(s.blobPath(first), blob, 0o600)); err != nil {
			t.Fatal(err)
		}
		blob[at] ^= 1
		_, err := s.Unpack(t.Context(), stored, filepath.Join(room, "rootfs"), UnpackOptions{KeepOwner: true})
		var mismatch *layer.MismatchError
		if !isA[*BlobError](err) || !errors.As(err, &mismatch) {
			t.Errorf("byte %d: %v", at, err)
		}
		if found := listed(t, room); len(found) != 1 {
			t.Fatalf("byte %d: %s was left", at, found[1].Path)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/fixtures"
)

// BenchmarkMount mounts an image of 100 unpacked layers, as layers mount does, and
// the same directories alone: what the kernel takes of it. It is root's.
func BenchmarkMount(b *testing.B) {
	if os.Geteuid() != 0 {
		return
	}
	s, err := cache.Open(filepath.Join(b.TempDir(), "store"), cache.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	img, at := hundredLayers(), b.TempDir()
	digest, err := img.Digest()
	if err != nil {
		b.Fatal(err)
	}
	made, err := s.Snapshots(b.Context(), img, cache.SnapshotOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer made.Release()
	attach := func(b *testing.B, of *cache.Snapshots, note func(device uint64, attach func() error) error) {
		m, err := mount.New(of.Dirs, mount.Options{})
		if err != nil {
			b.Fatal(err)
		}
		device, err := m.Device()
		if err := errors.Join(err, note(device, func() error { return m.Attach(at) }), m.Close()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("layers", func(b *testing.B) {
		for b.Loop() {
			of, err := s.Snapshots(b.Context(), img, cache.SnapshotOptions{})
			if err != nil {
				b.Fatal(err)
			}
			attach(b, of, func(device uint64, attach func() error) error {
				return s.Mount(b.Context(), cache.Mounted{Digest: digest, Asked: at}, of, device, attach)
			})
			if err := of.Release(); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if _, err := s.Unmount(b.Context(), at, mount.Unmount); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("kernel", func(b *testing.B) {
		of, err := s.Snapshots(b.Context(), img, cache.SnapshotOptions{})
		if err != nil {
			b.Fatal(err)
		}
		defer of.Release()
		for b.Loop() {
			attach(b, of, func(_ uint64, attach func() error) error { return attach() })
			if err := mount.Unmount(at); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func hundredLayers() v1.Image {
	var stack [][]fixtures.Entry
	for i := range 100 {
		stack = append(stack, []fixtures.Entry{{Name: fmt.Sprintf("dir%d/file", i%10), Body: fmt.Sprint(i)}, {Name: fmt.Sprintf("file%d", i), Body: "x"}})
	}
	return fixtures.Build(stack)
}

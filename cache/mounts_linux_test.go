package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// bindSnapshot mounts the first directory of some snapshots, noted in the store.
func bindSnapshot(t *testing.T, s *Store, of *Snapshots, at string) {
	t.Helper()
	err := s.Mount(t.Context(), Mounted{Image: "example.com/a:1", Digest: digestOf(nil), Only: 1, Asked: at}, of, 0, func() error {
		return unix.Mount(of.Dirs[0], at, "", unix.MS_BIND, "")
	})
	if err != nil {
		t.Fatal(err)
	}
}

func init() {
	roles["stay"] = func([]string) error {
		fmt.Println("here")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
}

// inOtherNamespace starts a process with a copy of our mounts, and returns what ends it.
func inOtherNamespace(t *testing.T) (end func()) {
	t.Helper()
	cmd := startAs(t, "stay")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("here"))); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	}
}

func unmountAt(dir string) error { return unix.Unmount(dir, unix.UMOUNT_NOFOLLOW) }

// What is mounted is kept from prune and rm, until it is unmounted, by us or by hand.
func TestMountsKeepSnapshots(t *testing.T) {
	if asRoot(t) {
		return
	}
	for name, unmount := range map[string]func(*Store, string) error{
		"umount by layers": func(s *Store, dir string) error {
			_, err := s.Unmount(context.Background(), dir, unmountAt)
			return err
		},
		"umount by hand": func(_ *Store, dir string) error { return unmountAt(dir) },
	} {
		t.Run(name, func(t *testing.T) {
			s, at := testStore(t), t.TempDir()
			img := unpackedImage()
			st, err := s.Pull(t.Context(), img, PullOptions{Names: []string{"example.com/a:1"}})
			if err != nil {
				t.Fatal(err)
			}
			found := snapshotsOf(t, s, img)
			bindSnapshot(t, s, found, at)
			if err := found.Release(); err != nil {
				t.Fatal(err)
			}
			wantMounts(t, s, at)
			if _, err := s.Remove(t.Context(), []Stored{st}, false); err != nil {
				t.Fatal(err)
			}
			prune(t, s)
			if dirs, err := os.ReadDir(s.path(snapshotDir)); err != nil || len(dirs) == 0 {
				t.Fatalf("the snapshots are gone: %v", err)
			}
			if err := unmount(s, at); err != nil {
				t.Fatal(err)
			}
			wantMounts(t, s)
			prune(t, s)
			for _, dir := range []string{snapshotDir, mountDir} {
				if left, err := os.ReadDir(s.path(dir)); err != nil || len(left) > 0 {
					t.Errorf("%s: left %v, %v", dir, left, err)
				}
			}
		})
	}
}

func prune(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.Prune(t.Context(), false); err != nil {
		t.Fatal(err)
	}
}

// wantMounts checks what is listed, each mounted on one of the directories.
func wantMounts(t *testing.T, s *Store, dirs ...string) {
	t.Helper()
	all, err := s.Mounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, m.Dirs...)
	}
	if !slices.Equal(got, dirs) {
		t.Errorf("mounted on %q, want %q", got, dirs)
	}
}

// A mount in another mount namespace counts, though it cannot be seen in ours.
func TestMountsOfOtherNamespaces(t *testing.T) {
	if asRoot(t) {
		return
	}
	s, at := testStore(t), t.TempDir()
	found := snapshotsOf(t, s, unpackedImage())
	defer found.Release()
	bindSnapshot(t, s, found, at)
	other := inOtherNamespace(t)
	if err := unmountAt(at); err != nil {
		t.Fatal(err)
	}
	all, err := s.Mounts(t.Context())
	if err != nil || len(all) != 1 || len(all[0].Dirs) != 0 || all[0].Asked != at {
		t.Errorf("got %+v, %v", all, err)
	}
	other()
	wantMounts(t, s)
}

// A record of another boot, or one that a power cut has left half written, is of no
// mount.
func TestMountsEndWithTheirKernel(t *testing.T) {
	if asRoot(t) {
		return
	}
	s, at := testStore(t), t.TempDir()
	found := snapshotsOf(t, s, unpackedImage())
	bindSnapshot(t, s, found, at)
	defer unmountAt(at)
	names, err := os.ReadDir(s.path(mountDir))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	path := filepath.Join(s.path(mountDir), names[0].Name())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(data) {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		wantMounts(t, s)
	}
	if err := os.WriteFile(s.path(mountDir, newMark+"half"), data[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := found.Release(); err != nil {
		t.Fatal(err)
	}
	prune(t, s)
	if left, err := os.ReadDir(s.path(mountDir)); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestUnmountOfOthers(t *testing.T) {
	if asRoot(t) {
		return
	}
	s, at := testStore(t), t.TempDir()
	var none *NotMountedError
	if _, err := s.Unmount(t.Context(), at, unmountAt); !errors.As(err, &none) || none.Other {
		t.Errorf("nothing mounted: %v", err)
	}
	if err := unix.Mount("none", at, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unmountAt(at)
	if _, err := s.Unmount(t.Context(), at, unmountAt); !errors.As(err, &none) || !none.Other {
		t.Errorf("a tmpfs: %v", err)
	}
	if _, err := s.Unmount(t.Context(), at+"/none", unmountAt); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

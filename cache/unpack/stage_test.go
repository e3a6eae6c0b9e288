//go:build linux

package unpack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		list = append(list, e.Name())
	}
	return list
}

func only(t *testing.T, dir, name string) {
	t.Helper()
	if got := names(t, dir); len(got) != 1 || got[0] != name {
		t.Errorf("%s holds %v, not %s alone", dir, got, name)
	}
}

func TestStage(t *testing.T) {
	for name, prepare := range map[string]func(dir string){
		"new":      func(string) {},
		"empty":    func(dir string) { os.Mkdir(dir, 0o700) },
		"replaced": func(dir string) { os.Mkdir(dir, 0o700); put(t, filepath.Join(dir, "old")) },
		"a link":   func(dir string) { os.Mkdir(dir+"-real", 0o700); os.Symlink("rootfs-real", dir) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "rootfs")
			prepare(dir)
			s, err := NewStage(dir, true)
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(s.Path(), "new"))
			if err := errors.Join(s.Commit(), s.Discard()); err != nil {
				t.Fatal(err)
			}
			only(t, dir, "new")
			if name != "a link" {
				only(t, filepath.Dir(dir), "rootfs")
			}
		})
	}
}

func TestStageIsDiscarded(t *testing.T) {
	room := t.TempDir()
	dir := filepath.Join(room, "rootfs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "old"))
	s, err := NewStage(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.Path(), "new"))
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	only(t, dir, "old")
	only(t, room, "rootfs")
}

func TestStageKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "old"))
	var full *NotEmptyError
	if _, err := NewStage(dir, false); !errors.As(err, &full) {
		t.Errorf("got %v", err)
	}
	if _, err := NewStage("/", true); err == nil {
		t.Error("/ was to be replaced")
	}
	file := filepath.Join(dir, "old")
	if _, err := NewStage(file, true); err == nil {
		t.Error("a file was to be replaced")
	}
	only(t, dir, "old")
}

// TestDeadStagesAreSwept says that what a killed process left goes at the next
// run, and that a living one is let be.
func TestDeadStagesAreSwept(t *testing.T) {
	room := t.TempDir()
	dir := filepath.Join(room, "rootfs")
	dead := filepath.Join(room, ".rootfs.layers-123")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dead, "half"))
	first, err := NewStage(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead stage: %v", err)
	}
	second, err := NewStage(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Path()); err != nil {
		t.Errorf("the living stage: %v", err)
	}
	if err := errors.Join(first.Discard(), second.Discard()); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestStoriesOfShells are told by root.
func TestStoriesOfShells(t *testing.T) {
	if asRoot(t) {
		tellShells(t, "layers", func(*testscript.Env) error { return nil })
	}
}

// TestStoriesOfUsersShells are told by an ordinary user, who is root in the user
// namespace of his shells.
func TestStoriesOfUsersShells(t *testing.T) {
	tellShells(t, "layers-unprivileged", func(env *testscript.Env) error {
		if os.Geteuid() != 0 {
			return nil
		}
		if err := os.Chmod(filepath.Dir(env.WorkDir), 0o755); err != nil {
			return err
		}
		return filepath.WalkDir(env.WorkDir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, 65534, 65534)
		})
	})
}

func tellShells(t *testing.T, program string, prepare func(*testscript.Env) error) {
	tellStoriesBy(t, filepath.Join("testdata", "shell"), func(env *testscript.Env) error {
		env.Setenv("LAYERS", program)
		if err := setup(env); err != nil {
			return err
		}
		return prepare(env)
	})
}

// furnished runs layers shell with the programs of this host in the image.
func furnished(args []string) int {
	all := []string{"shell"}
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			all = append(all, "--bind", dir+":"+dir+":ro")
		}
	}
	all = append(all, args...)
	if os.Getenv("LAYERS") == "layers" {
		return again(all)
	}
	return unprivileged(all)
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestStoriesOfShells are told by root.
func TestStoriesOfShells(t *testing.T) {
	if asRoot(t) {
		tellShells(t, filepath.Join("testdata", "shell"), "layers", func(*testscript.Env) error { return nil })
	}
}

// TestStoriesOfUsersShells are told by an ordinary user, who is root in the user
// namespace of his shells.
func TestStoriesOfUsersShells(t *testing.T) { tellUsers(t, filepath.Join("testdata", "shell")) }

// tellUsers has stories told by an ordinary user.
func tellUsers(t *testing.T, dir string) {
	tellShells(t, dir, "layers-unprivileged", func(env *testscript.Env) error {
		if os.Geteuid() != 0 {
			return nil
		}
		programs, _, _ := strings.Cut(env.Getenv("PATH"), ":")
		for _, private := range []string{env.WorkDir, programs} {
			if err := os.Chmod(filepath.Dir(private), 0o755); err != nil {
				return err
			}
		}
		return ownedBy(65534, env.WorkDir)
	})
}

func tellShells(t *testing.T, dir, program string, prepare func(*testscript.Env) error) {
	tellStoriesBy(t, dir, func(env *testscript.Env) error {
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
	switch os.Getenv("LAYERS") {
	case "layers":
		return again(all)
	case "layers-with-ids":
		return withIDs(all)
	}
	return unprivileged(all)
}

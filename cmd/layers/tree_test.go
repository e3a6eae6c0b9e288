package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTopLevelIsAsGiven(t *testing.T) {
	given := strings.Fields("cmd inspect diff cache fixtures go.mod go.sum README.md LICENSE")
	ignored := strings.Fields(read(t, ".gitignore"))
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || slices.Contains(given, e.Name()) {
			continue
		}
		if !slices.ContainsFunc(ignored, func(p string) bool { return matches(t, strings.TrimPrefix(p, "/"), e.Name()) }) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

func matches(t *testing.T, pattern, name string) bool {
	t.Helper()
	ok, err := path.Match(pattern, name)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNoPathOfOneMachine(t *testing.T) {
	local := regexp.MustCompile(`(^|[^\w.])/(work|farm|root/go)/`)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(p); d.Name() != "run" && !slices.Contains([]string{".go", ".md", ".txt", ".txtar", ".yaml", ".yml", ".json", ".sh"}, ext) {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if found := local.Find(b); found != nil {
			t.Errorf("%s: %q", p, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

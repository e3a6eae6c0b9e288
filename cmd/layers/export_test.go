package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// queries are those of cmd/export/testdata, by their files' names.
func queries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "cmd/export/testdata/*.sql"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	all := map[string]string{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}

// TestReadmeShowsTheQueriesThatAreTested compares the README's SQL with what DuckDB runs
// in the tests.
func TestReadmeShowsTheQueriesThatAreTested(t *testing.T) {
	var shown []string
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1) {
		shown = append(shown, block[1])
	}
	all := queries(t)
	for name, text := range all {
		if !slices.Contains(shown, text) {
			t.Errorf("README.md does not show %s", name)
		}
	}
	if len(shown) != len(all) {
		t.Errorf("README.md shows %d queries, and there are %d", len(shown), len(all))
	}
}

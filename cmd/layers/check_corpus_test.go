//go:build corpus && linux

package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
)

// checkedReport runs a check, and returns its report and exit code.
func checkedReport(t *testing.T, program string, args ...string) (*budget.Report, int) {
	t.Helper()
	c := exec.Command(program, append([]string{"check", "-f", "json"}, args...)...)
	c.Dir = t.TempDir()
	out, err := c.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || len(out) == 0) {
		t.Fatalf("%v: %v\n%s", args, err, e.Stderr)
	}
	r := &budget.Report{}
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return r, c.ProcessState.ExitCode()
}

// TestCheckOfAChangeThatGrows says that a change which copies a .git directory and
// installs an editor with its package lists fails for these reasons and no others, with
// the sums that diff has.
func TestCheckOfAChangeThatGrows(t *testing.T) {
	program, host := built(t), corpusHost(t)
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	main, pr := host+"/app:main", host+"/app:pr"
	r, code := checkedReport(t, program, pr, "--baseline", main)
	if code != 1 || len(r.Images) != 1 || r.Images[0].Shared != 4 || !r.Default {
		t.Fatalf("exit %d: %+v", code, r)
	}
	results := map[string]budget.Result{}
	for _, result := range r.Images[0].Results {
		results[result.Rule] = result
	}
	if len(results) != 3 || results["private-keys"].Outcome != budget.Passed {
		t.Errorf("%+v", results)
	}
	git := results["version-control"]
	if git.Outcome != budget.Failed || git.Matched != 1 || git.Matches[0].Path != "app/.git/objects/pack" || git.Matches[0].Layer != 5 ||
		git.Hint == nil || git.Hint.Code != "dockerignore" {
		t.Errorf("%+v", git)
	}
	growth := results["growth"]
	if growth.Outcome != budget.Failed || len(growth.Causes) != 2 || growth.Rest != 0 {
		t.Fatalf("%+v", growth)
	}
	editor, copied := growth.Causes[0], growth.Causes[1]
	if editor.Layer != 6 || !strings.HasPrefix(editor.Parts[0].Path, "var/lib/apt/lists/") || copied.Layer != 5 || copied.Files[0].Path != "app/.git/objects/pack" {
		t.Errorf("%+v", growth.Causes)
	}
	if growth.Hint == nil || growth.Hint.Code != "apt-lists" {
		t.Errorf("%+v", growth.Hint)
	}
	if !slices.ContainsFunc(editor.Parts, func(p diff.Part) bool { return p.Package != nil && p.Package.Name == "vim-tiny" }) {
		t.Errorf("the editor's package is not named: %+v", editor.Parts)
	}
	same(t, program, growth, main, pr)
}

// same says that a check and a diff have the same sums.
func same(t *testing.T, program string, growth budget.Result, old, new string) {
	t.Helper()
	var d diff.Report
	if err := json.Unmarshal([]byte(output(t, program, "diff", "-f", "json", old, new)), &d); err != nil {
		t.Fatal(err)
	}
	if d.Content == nil || d.Content.Change != growth.Measured || d.Content.Old != growth.Before {
		t.Errorf("diff %+v, check %+v", d.Content, growth)
	}
	for _, c := range growth.Causes {
		found := false
		for _, other := range d.Causes {
			found = found || other.New == c.Layer && *other.Content == c.Bytes && other.Unpacked == c.Unpacked && other.Relation == c.Relation
		}
		if !found {
			t.Errorf("diff has no cause like %+v", c)
		}
	}
}

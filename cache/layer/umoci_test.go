//go:build corpus

package layer

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestUmociAgrees holds the tree against a flat unpack by umoci, as root, of stacks
// that builders make.
func TestUmociAgrees(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 17))
		entries, _ := fixtures.RandomBuilt(rng, fixtures.RandomOptions{})
		var layers []*fixtures.Layer
		for _, e := range entries {
			for i := range e {
				if e[i].Type != 0 || e[i].Link != "" {
					e[i].Xattrs = nil // the kernel allows user.* for files and directories only
				}
			}
			layers = append(layers, fixtures.NewLayer(fixtures.Gzip, e...))
		}
		dir := t.TempDir()
		if err := fixtures.WriteLayout(filepath.Join(dir, "layout"), fixtures.Named{Name: "it", Image: fixtures.FromLayers(layers)}); err != nil {
			t.Fatal(err)
		}
		bundle := filepath.Join(dir, "bundle")
		out, err := exec.Command("umoci", "unpack", "--image", filepath.Join(dir, "layout")+":it", bundle).CombinedOutput()
		if err != nil {
			t.Fatalf("seed %d: umoci: %v\n%s", seed, err, out)
		}
		tocs, err := indexAll(t, layers)
		if err != nil {
			t.Fatal(err)
		}
		got, want := seen(t, Squash(tocs), layers), onDisk(t, filepath.Join(bundle, "rootfs"))
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: %v\n%s\numoci\n%s", seed, entries, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func onDisk(t *testing.T, root string) (lines []string) {
	t.Helper()
	files, err := fixtures.Disk(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files[1:] { // without the root
		lines = append(lines, f.String())
	}
	slices.Sort(lines)
	return lines
}

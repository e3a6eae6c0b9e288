//go:build corpus

package inspect

import (
	"os"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// The sums hold on real images, and every layer of them has its step.
func TestRealImagesAddUp(t *testing.T) {
	registry := os.Getenv("LAYERS_TEST_REGISTRY")
	if registry == "" {
		t.Fatal("LAYERS_TEST_REGISTRY is not set: it is the host:port of the registry with the corpus")
	}
	for _, image := range []string{"python:3.10", "wasteful:1", "many:100", "static:1"} {
		t.Run(image, func(t *testing.T) {
			ref, err := name.ParseReference(registry+"/"+image, name.Insecure)
			if err != nil {
				t.Fatal(err)
			}
			img, err := remote.Image(ref)
			if err != nil {
				t.Fatal(err)
			}
			in := open(t, img)
			r, err := Image(t.Context(), in, Options{Limit: All})
			if err != nil {
				t.Fatal(err)
			}
			checkHidden(t, r)
			if len(r.Notes) != 0 {
				t.Errorf("notes: %+v", r.Notes)
			}
			for _, l := range r.Layers {
				if l.Step == nil || l.Step.Short == "" {
					t.Errorf("layer %d has no step", l.Number)
				}
			}
			dirs, err := Dirs(t.Context(), in, DirsOptions{By: ByContent})
			if err != nil {
				t.Fatal(err)
			}
			checkRoot(t, in, 0, dirs)
			if *dirs.Root.Content+*dirs.Other != r.Totals.Content {
				t.Errorf("%d in files and %d beside them are not %d", *dirs.Root.Content, *dirs.Other, r.Totals.Content)
			}
		})
	}
}

package cache

import (
	"errors"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What is held stays when another process removes it, and goes after that.
func TestHeldImagesStay(t *testing.T) {
	ctx := t.Context()
	s := testStore(t)
	other := reopen(t, s.Dir())
	for name, hold := range map[string]func(v1.Image) (Stored, func() error){
		"after a pull": func(img v1.Image) (Stored, func() error) {
			st := pull(t, s, img, "example.org/a:1")
			release, err := s.Hold(ctx, st.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return st, release
		},
		"by a pull": func(img v1.Image) (st Stored, release func() error) {
			st, err := s.Pull(ctx, img, PullOptions{Names: []string{"example.org/a:1"}, Held: func(r func() error) { release = r }})
			if err != nil || release == nil {
				t.Fatal(err)
			}
			return st, release
		},
	} {
		img := image(twoLayers)
		st, release := hold(img)
		if freed := remove(t, other, "example.org/a:1"); freed.Disk != 0 {
			t.Errorf("%s: %v freed of what is held", name, freed)
		}
		if _, err := other.Prune(ctx, false); err != nil {
			t.Fatal(err)
		}
		stored, err := s.Image(ctx, st.Digest)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantLayers(t, s, stored, [][]string{twoLayerPaths[0], twoLayerPaths[1]})
		if err := release(); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Prune(ctx, false); err != nil {
			t.Fatal(err)
		}
		var none *NotStoredError
		if _, err := s.Hold(ctx, st.Digest); !errors.As(err, &none) {
			t.Errorf("%s: what is gone is held: %v", name, err)
		}
	}
}

func TestUsesAreNoted(t *testing.T) {
	ctx := t.Context()
	s := testStore(t)
	st := pull(t, s, image(twoLayers), "example.org/a:1")
	s.Use(digestOf([]byte("no image")))
	if i := inventory(t, s); !i.Holders[0].Used.Equal(st.Pulled) {
		t.Errorf("used at %v, pulled at %v", i.Holders[0].Used, st.Pulled)
	}
	before := time.Now().Add(-time.Second)
	s.Use(st.Digest)
	s.Use(st.Digest)
	if i := inventory(t, s); len(i.Holders) != 1 || i.Holders[0].Used.Before(before) {
		t.Errorf("holders %+v", i.Holders)
	}
	check(t, s)
	remove(t, s, "example.org/a:1")
	if left := files(t, s, usedDir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := s.Prune(ctx, false); err != nil {
		t.Fatal(err)
	}
}

package inspect

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// open reads an image as the store would, with a memo in memory.
func open(t testing.TB, img v1.Image) Input {
	t.Helper()
	in, err := read(img)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func read(img v1.Image) (in Input, err error) {
	in = Input{Name: "test:1", Memo: memory(map[string][]byte{})}
	if in.Digest, err = img.Digest(); err != nil {
		return in, err
	}
	if in.Manifest, err = img.Manifest(); err != nil {
		return in, err
	}
	if in.Config, err = img.ConfigFile(); err != nil {
		return in, err
	}
	in.Platform = *in.Config.Platform()
	layers, err := img.Layers()
	for i := 0; err == nil && i < len(layers); i++ {
		var l Layer
		l, err = index(layers[i])
		in.Layers = append(in.Layers, l)
	}
	return in, err
}

func index(l v1.Layer) (read Layer, err error) {
	blob, err := l.Compressed()
	if err != nil {
		return read, err
	}
	defer blob.Close()
	var toc, extents, kept bytes.Buffer
	out := layer.Outputs{TOC: &toc, Extents: &extents, Kept: &kept}
	if _, err := layer.Index(context.Background(), blob, out, layer.IndexOptions{}); err != nil {
		return read, err
	}
	if read.TOC, err = layer.ReadTOC(toc.Bytes()); err != nil {
		return read, err
	}
	if read.Extents, err = layer.ReadExtents(extents.Bytes()); err != nil {
		return read, err
	}
	read.Kept, err = layer.ReadKept(kept.Bytes())
	return read, err
}

func memory(kept map[string][]byte) func(string, func() ([]byte, error)) ([]byte, error) {
	return func(key string, compute func() ([]byte, error)) ([]byte, error) {
		if data, ok := kept[key]; ok {
			return data, nil
		}
		data, err := compute()
		if err == nil {
			kept[key] = data
		}
		return data, err
	}
}

type namedInput struct {
	name string
	in   Input
}

var stacks []namedInput

// everyStack calls f with many images: hand-made odd ones, random ones and such as
// builders make.
func everyStack(t *testing.T, f func(t *testing.T, in Input)) {
	if stacks == nil {
		stacks = openStacks(t)
	}
	for _, s := range stacks {
		s.in.Memo = memory(map[string][]byte{})
		t.Run(s.name, func(t *testing.T) { f(t, s.in) })
	}
}

func openStacks(t *testing.T) []namedInput {
	var out []namedInput
	for _, c := range fixtures.Odd() {
		if !c.WantError {
			out = append(out, namedInput{c.Name, open(t, fixtures.FromLayers(c.Layers))})
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		odd, err := read(fixtures.Build(fixtures.Random(rng, fixtures.RandomOptions{Odd: i%2 == 0})))
		if err == nil { // some odd ones are refused
			out = append(out, namedInput{fmt.Sprintf("random %d", i), odd})
		}
		built, _ := fixtures.RandomBuilt(rng, fixtures.RandomOptions{Layers: 6})
		in := open(t, fixtures.Build(built, fixtures.Compressed(fixtures.Zstd, 1)))
		out = append(out, namedInput{fmt.Sprintf("built %d", i), in})
	}
	return out
}

package cmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/layers/layers/cache/directory"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/packages"
)

// diffSide is one of the two that are compared, and how its files are read.
type diffSide struct {
	diff.Image
	newer bool // of the two
	// open opens a regular file that the side shows, and contents reads several of one
	// layer, which is numbered from 0.
	open     func(ctx context.Context, n *layer.Node) (io.ReadCloser, error)
	contents func(ctx context.Context, carrier int, entries []layer.Entry, do func(layer.Entry, io.Reader) error) error
	free     func()
}

// diffSide finds an image, or reads a directory; number is the layer that is asked for
// alone, 0 is all of them.
func (s *session) diffSide(ctx context.Context, name string, number int, withPackages bool) (*diffSide, error) {
	find := s.imageSide
	if ref, err := source.Parse(name); err == nil && ref.Transport == source.Directory {
		find = s.directorySide
	}
	side, err := find(ctx, name, withPackages)
	if err != nil {
		return nil, err
	}
	if name != side.Name {
		side.Asked = name
	}
	if number > 0 {
		if number > len(side.Layers) {
			side.free()
			return nil, &inspect.NoLayerError{Image: side.Name, Number: number, Layers: len(side.Layers)}
		}
		side.Layers = side.Layers[number-1 : number]
		side.Single, side.Config = true, nil
		side.Name = fmt.Sprintf("layer %d of %s", number, side.Name)
	}
	return side, nil
}

func (s *session) imageSide(ctx context.Context, name string, withPackages bool) (*diffSide, error) {
	img, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	in, free, err := s.input(ctx, img)
	if err != nil {
		return nil, err
	}
	side := &diffSide{free: free}
	side.Image = diff.Image{
		Name: in.Name, Digest: in.Digest, Platform: in.Platform.String(), Config: in.Config, Layers: diffLayers(&in),
	}
	number := func(carrier int) int { return side.Layers[carrier].Number - 1 }
	side.open = func(ctx context.Context, n *layer.Node) (io.ReadCloser, error) {
		return s.store.OpenFile(ctx, img, number(n.Carrier), n.Entry)
	}
	side.contents = func(ctx context.Context, carrier int, entries []layer.Entry, do func(layer.Entry, io.Reader) error) error {
		return s.store.Contents(ctx, img, number(carrier), entries, do)
	}
	if withPackages {
		if err := side.findPackages(ctx, packageLayers(&in), in.Memo); err != nil {
			free()
			return nil, err
		}
	}
	return side, nil
}

// directorySide reads a directory of the host, which is compared as one layer.
func (s *session) directorySide(ctx context.Context, name string, withPackages bool) (*diffSide, error) {
	ref, err := source.Parse(name)
	if err != nil {
		return nil, err
	}
	dir, err := directory.Open(ref.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such directory: %w", name, layer.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	read, err := dir.Read(ctx, directory.Options{TempDir: s.store.ScratchDir()})
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	s.opened = append(s.opened, dir, read)
	if n := read.Sockets + read.Whiteouts; n > 0 {
		s.program.say("%s: %s left out that no layer can hold", name, count(int(n), "file"))
	}
	side := &diffSide{free: func() {}}
	side.Image = diff.Image{Name: name, Layers: []diff.Layer{{TOC: read.TOC}}}
	side.open = func(_ context.Context, n *layer.Node) (io.ReadCloser, error) { return dir.OpenFile(n.Entry) }
	side.contents = func(ctx context.Context, _ int, entries []layer.Entry, do func(layer.Entry, io.Reader) error) error {
		return eachFile(ctx, dir, entries, do)
	}
	if withPackages {
		err = side.findPackages(ctx, []packages.Layer{{TOC: read.TOC, Kept: read.Kept}}, compute)
	}
	return side, err
}

// compute is a memory that forgets.
func compute(_ string, what func() ([]byte, error)) ([]byte, error) { return what() }

func eachFile(ctx context.Context, dir *directory.Dir, entries []layer.Entry, do func(layer.Entry, io.Reader) error) error {
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := dir.OpenFile(e)
		if err != nil {
			return err
		}
		if err := errors.Join(do(e, f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func diffLayers(in *inspect.Input) (all []diff.Layer) {
	history := inspect.ReadHistory(in.Config.History, len(in.Layers))
	for i, l := range in.Layers {
		d := in.Manifest.Layers[i]
		at := diff.Layer{TOC: l.TOC, Digest: d.Digest, Content: d.Size, Number: i + 1}
		if step := history.Layers[i]; step != nil {
			at.Step = &diff.Step{Short: step.Short, CreatedBy: step.CreatedBy}
		}
		all = append(all, at)
	}
	return all
}

// packagesMemo and pathsMemo name what packages.Find and Paths return; they change when
// that does.
const (
	packagesMemo = "packages-1-"
	pathsMemo    = "package-paths-1-"
)

func packageLayers(in *inspect.Input) (layers []packages.Layer) {
	for _, l := range in.Layers {
		layers = append(layers, packages.Layer{TOC: l.TOC, Kept: l.Kept})
	}
	return layers
}

// findPackages finds what packages there are, once for each stack of layers.
func (d *diffSide) findPackages(ctx context.Context, layers []packages.Layer, memo memory) (err error) {
	var ids []layer.DiffID
	for _, l := range layers {
		ids = append(ids, l.TOC.DiffID())
	}
	chain := layer.Chain(ids).Hex
	d.Packages, err = remembered(memo, packagesMemo+chain, func() (*packages.Set, error) { return packages.Find(ctx, layers) })
	d.Paths = func(ctx context.Context, of []packages.Package) ([][]string, error) {
		asked, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprintf("%s%s-%x", pathsMemo, chain, sha256.Sum256(asked))
		return remembered(memo, key, func() ([][]string, error) { return packages.Paths(ctx, layers, of) })
	}
	return err
}

// memory returns what was stored under a key, else what compute returns: Store.Memo.
type memory func(key string, compute func() ([]byte, error)) ([]byte, error)

// remembered is memory of values. They are kept as gob, since JSON loses names that are
// not UTF-8.
func remembered[T any](memo memory, key string, compute func() (T, error)) (value T, err error) {
	data, err := memo(key, func() ([]byte, error) {
		computed, err := compute()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err = gob.NewEncoder(&b).Encode(computed)
		return b.Bytes(), err
	})
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(&value)
	}
	return value, err
}

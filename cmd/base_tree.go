package cmd

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect/fleet"
)

// baseTree shows what images share. Those that cannot be had are told of after it.
func (s *session) baseTree(ctx context.Context, names []string, f baseFlags) error {
	g := s.newGathering()
	if f.suggest {
		g.searched = map[layer.DiffID]bool{}
	}
	var err error
	if g.export, err = s.program.newExported(f.export, f.remote); err != nil {
		return err
	}
	defer g.export.abort()
	if f.all {
		if err := g.store(ctx); err != nil {
			return err
		}
	}
	if f.remote {
		g.remote(ctx, names, f)
	} else {
		for _, name := range names {
			g.note(ctx, g.named(ctx, name, f))
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.set.Len() == 0 && len(g.failed) > 0 {
		return g.errors()
	}
	if f.suggest {
		return g.suggest(ctx, f)
	}
	r := g.report(ctx)
	return errors.Join(s.program.report(f.out, r), g.export.write(s.program, g.set, r), g.errors())
}

// gathering is a set of images that comes together.
type gathering struct {
	s      *session
	set    *fleet.Set
	layers map[layer.DiffID]v1.Layer // those whose tables of contents are there
	failed []error
	// searched are the layers whose packages are known; nil if nobody asks.
	searched map[layer.DiffID]bool
	export   *exported // nil if nothing is to be
}

// note remembers that an image cannot be had.
func (g *gathering) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		g.failed = append(g.failed, err)
	}
}

// errors are all of them, those with the highest exit code first: it becomes that of the
// program.
func (g *gathering) errors() error {
	slices.SortStableFunc(g.failed, func(a, b error) int { return cmp.Compare(explain(parts(b)[0]).code, explain(parts(a)[0]).code) })
	return errors.Join(g.failed...)
}

// store adds all images of the store. A damaged one is left out, with a warning.
func (g *gathering) store(ctx context.Context) error {
	all, err := g.s.store.Images(ctx)
	if err != nil {
		return err
	}
	for _, st := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if id, ok := g.set.Number(st.Digest); ok && st.Name != "" {
			g.set.Call(id, source.Short(st.Name))
			continue
		}
		if err := g.stored(ctx, st); isLack(err) {
			g.s.program.warn(err.Error() + " (layers cache verify --repair)")
		} else {
			g.note(ctx, err)
		}
	}
	return nil
}

// stored adds an image of the store. It is not held there, as there may be thousands: of
// one that somebody removes meanwhile it is told.
func (g *gathering) stored(ctx context.Context, st cache.Stored) error {
	found, err := g.s.store.Image(ctx, st.Digest)
	if err != nil {
		return err
	}
	img := &image{Image: found, name: "sha256:" + shortDigest(st.Digest), digest: st.Digest, platform: st.Platform}
	var names []string
	if st.Name != "" {
		img.name = source.Short(st.Name)
		names = []string{img.name}
	}
	return g.add(ctx, img, names)
}

// named adds what a reference means: one image, or all of a layout or an archive.
func (g *gathering) named(ctx context.Context, name string, f baseFlags) error {
	ref, err := source.Parse(name)
	if err != nil {
		return err
	}
	if ref.Path == "" || ref.Name != "" || ref.Transport == source.Directory {
		return g.found(ctx, name, f)
	}
	each, err := source.OpenEach(ctx, ref, g.s.sourceOptions())
	if err != nil {
		return err
	}
	defer closeAll(each)
	var failed []error
	for _, src := range each {
		img := &image{Image: src.Image, name: src.Name, digest: src.Digest, index: src.Index, platform: src.Platform}
		if f.remote {
			failed = append(failed, g.addUnread(img, called(src)...))
		} else {
			failed = append(failed, g.add(ctx, img, called(src)))
		}
	}
	return errors.Join(failed...)
}

// found adds the one image that a reference means, which is held only until then.
func (g *gathering) found(ctx context.Context, name string, f baseFlags) error {
	img, err := g.s.find(ctx, name)
	switch {
	case err != nil:
	case f.remote:
		err = g.addUnread(img)
	default:
		err = g.add(ctx, img, []string{img.name})
	}
	return errors.Join(err, g.s.letGo())
}

func closeAll(images []*source.Image) {
	for _, i := range images {
		i.Close() // they were only read
	}
}

// called is how an image of a layout or an archive is named: as there, or so that it can
// be asked for.
func called(src *source.Image) (names []string) {
	for _, tag := range src.Tags {
		if !strings.ContainsAny(tag, ":/") {
			tag = string(src.From) + ":" + src.Ref.Path + ":" + tag
		}
		names = append(names, source.Short(tag))
	}
	if len(names) > 0 {
		return names
	}
	for _, name := range src.Names {
		names = append(names, source.Short(name))
	}
	if len(names) > 0 {
		return names
	}
	return []string{src.Name}
}

// add adds an image whose layers are read, if they have not been before.
func (g *gathering) add(ctx context.Context, img *image, names []string) error {
	to, err := unread(img)
	if err != nil {
		return err
	}
	to.Names = names
	if err := g.export.learn(img); err != nil {
		return err
	}
	found, free, err := g.s.layers(ctx, img)
	if err != nil {
		return err
	}
	defer free()
	for i, l := range found {
		to.Layers[i].Unpacked = l.TOC.Totals().Unpacked
	}
	g.set.Add(to)
	if err := g.learn(img, found); err != nil || g.searched == nil {
		return err
	}
	return g.install(ctx, found)
}

// addUnread adds an image by its manifest and its configuration alone.
func (g *gathering) addUnread(img *image, names ...string) error {
	to, err := unread(img)
	if err != nil {
		return err
	}
	if to.Names = names; len(names) == 0 {
		to.Names = []string{img.name}
	}
	g.set.Add(to)
	return g.export.learn(img)
}

// unread is an image as its manifest and its configuration have it.
func unread(img *image) (to fleet.Image, err error) {
	m, err := img.Manifest()
	if err != nil {
		return to, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return to, err
	}
	if len(m.Layers) != len(config.RootFS.DiffIDs) {
		return to, &cache.ImageError{Image: img.name, Err: errors.New("its manifest and its configuration name another number of layers")}
	}
	to = fleet.Image{Digest: img.digest, Platform: img.platform.String()}
	for i, d := range m.Layers {
		to.Layers = append(to.Layers, fleet.Layer{
			Digest: d.Digest, DiffID: layer.DiffID(config.RootFS.DiffIDs[i]), Content: d.Size, Unpacked: fleet.Unknown,
		})
	}
	return to, nil
}

// isOne reports whether a reference means one image, and not all of a file that holds
// several.
func (s *session) isOne(ctx context.Context, name string) (bool, error) {
	ref, err := source.Parse(name)
	if err != nil {
		return false, err
	}
	if ref.Path == "" || ref.Name != "" || ref.Path == "-" || ref.Transport == source.Directory {
		return ref.Path != "-", nil
	}
	options := s.sourceOptions()
	options.Warn = nil // it will be opened again
	each, err := source.OpenEach(ctx, ref, options)
	closeAll(each)
	return len(each) == 1, err
}

// references reads the references of a file, one a line.
func (p *program) references(path string) (list []string, err error) {
	from := p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, text)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &usageError{text: path + " is no list of references: it has a line of more than 64 kB"}
	}
	if lines.Err() == nil && len(list) == 0 {
		err = &usageError{text: path + " names no image"}
	}
	return list, cmp.Or(lines.Err(), err)
}

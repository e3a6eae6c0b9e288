package inspect

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Options guides Image. The zero value works.
type Options struct {
	By By // how hidden paths are ranked; unpacked if empty
	// Limit is how many hidden paths the report lists at most: 0 is 100, All is
	// every one. More than 100 are not taken from Memo, and need a walk.
	Limit int
}

// Image reports what an image is made of. The sums are those of the tables of
// contents; the layers' entries are walked only if Memo has no summary of them.
func Image(ctx context.Context, in Input, o Options) (*Report, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if o.Limit == 0 {
		o.Limit = memoTop
	}
	if err := in.checkBy(o.By, in.Layers); err != nil {
		return nil, err
	}
	hidden, err := in.summary(o.Limit, o.By)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	history := ReadHistory(in.Config.History, len(in.Layers))
	r := &Report{
		Version: ReportVersion, Image: in.info(), Totals: in.totals(), Config: in.config(), Empty: history.Empty, Reclaimable: hidden.Reclaimable,
		Notes: in.notes(history),
	}
	r.Base, r.Own = in.base()
	r.Layers = in.layerInfos(history, hidden, r.Base)
	r.Image.Distribution = hidden.Distribution
	return r, nil
}

func (in *Input) info() ImageInfo {
	info := ImageInfo{
		Name: in.Name, Digest: hash(in.Digest), ConfigDigest: hash(in.Manifest.Config.Digest),
		MediaType: string(in.Manifest.MediaType), Platform: in.Platform.String(),
		Created: known(in.Config.Created.Time), Author: in.Config.Author,
	}
	if in.Index != nil {
		info.Index = hash(*in.Index)
	}
	if len(in.Layers) > 0 {
		info.ChainID = layer.Chain(in.diffIDs()).String()
	}
	return info
}

// hash writes a digest, "" if there is none.
func hash(h v1.Hash) string {
	if h == (v1.Hash{}) {
		return ""
	}
	return h.String()
}

func (in *Input) totals() Totals {
	t := Totals{Layers: len(in.Layers)}
	pulled := make(map[v1.Hash]bool)
	for i, l := range in.Layers {
		sums := l.TOC.Totals()
		t.Unpacked += sums.Unpacked
		t.Files += sums.Files
		if d := in.Manifest.Layers[i]; !pulled[d.Digest] {
			pulled[d.Digest] = true
			t.Content += d.Size
		}
	}
	return t
}

// base finds the nearest base of the candidates, and what of the image is not its.
func (in *Input) base() (*Base, *Part) {
	bases, _ := Chain(in.diffIDs(), in.Bases, digestsOf(Hints(in.Manifest, in.Config))...)
	if len(bases) == 0 {
		return nil, nil
	}
	nearest := bases[len(bases)-1]
	unpacked := make([]*int64, len(in.Layers))
	for i, l := range in.Layers {
		sums := l.TOC.Totals()
		unpacked[i] = &sums.Unpacked
	}
	parts := split(in.Manifest.Layers, unpacked, nearest.Layers, len(in.Layers))
	img := nearest.Images[0]
	return &Base{
		Name: img.Name(), Digest: img.Digest, Sure: img.Sure,
		Layers: nearest.Layers, Content: parts[0].Content, Unpacked: *parts[0].Unpacked,
	}, &parts[1]
}

func (in *Input) config() Config {
	c := in.Config.Config
	out := Config{
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, WorkingDir: c.WorkingDir, StopSignal: c.StopSignal,
		Ports: slices.Sorted(maps.Keys(c.ExposedPorts)), Volumes: slices.Sorted(maps.Keys(c.Volumes)), Labels: c.Labels,
	}
	for _, variable := range c.Env {
		name, _, _ := strings.Cut(variable, "=")
		out.EnvNames = append(out.EnvNames, name)
	}
	return out
}

func (in *Input) layerInfos(history *History, hidden *stack, b *Base) []LayerInfo {
	var unpacked int64
	for _, l := range in.Layers {
		unpacked += l.TOC.Totals().Unpacked
	}
	base := 0
	if b != nil {
		base = b.Layers
	}
	out := make([]LayerInfo, len(in.Layers))
	for i := range out {
		out[i] = in.layerInfo(i, history)
		out[i].Base = i < base
		if hidden != nil {
			out[i].Reclaimable = hidden.Bytes[i]
			out[i].Lints = lintSummary(in.Layers[i].TOC, hidden.Lints[i])
		}
		if unpacked > 0 {
			out[i].Share = math.Round(float64(out[i].Unpacked)/float64(unpacked)*1e4) / 1e4
		}
	}
	return out
}

func (in *Input) layerInfo(i int, history *History) LayerInfo {
	d, l := in.Manifest.Layers[i], in.Layers[i]
	sums := l.TOC.Totals()
	info := LayerInfo{
		Number: i + 1, Digest: hash(d.Digest), DiffID: l.TOC.DiffID().String(), MediaType: string(d.MediaType),
		Content: d.Size, Unpacked: sums.Unpacked, Files: sums.Files, Dirs: sums.Dirs, Whiteouts: sums.Whiteouts,
		TarSize: sums.TarSize, Step: history.Layers[i],
	}
	if l.Extents != nil {
		info.Compression = l.Extents.Compression().String()
	}
	return info
}

func lintSummary(toc *layer.TOC, ofStack map[layer.LintCode]int) *LintSummary {
	first, total := toc.Lints()
	s := &LintSummary{Total: total, Codes: make(map[layer.LintCode]int)}
	for _, l := range first {
		s.Codes[l.Code]++
	}
	for code, n := range ofStack {
		s.Codes[code] += n
		s.Total += n
	}
	if s.Total == 0 {
		return nil
	}
	return s
}

// notes says where the image contradicts itself.
func (in *Input) notes(history *History) []Note {
	notes := []Note{}
	add := func(layer int, code NoteCode, format string, args ...any) {
		notes = append(notes, Note{Code: code, Layer: layer, Detail: fmt.Sprintf(format, args...)})
	}
	switch n := len(in.Layers); {
	case n > 0 && len(in.Config.History) == 0:
		add(0, NoteNoHistory, "the config has no history: no build step is known")
	case !history.Matches():
		add(0, NoteHistory, "the history tells of %d layers, and there are %d: no build step is attributed", history.Steps, n)
	}
	if ids := in.Config.RootFS.DiffIDs; len(ids) != len(in.Layers) {
		add(0, NoteDiffIDs, "the config names %d layers, and the manifest %d", len(ids), len(in.Layers))
	}
	seen := make(map[layer.DiffID]int)
	for i, l := range in.Layers {
		d, id := in.Manifest.Layers[i], l.TOC.DiffID()
		if ids := in.Config.RootFS.DiffIDs; len(ids) == len(in.Layers) && layer.DiffID(ids[i]) != id {
			add(i+1, NoteDiffIDs, "the config calls the layer %s, and it is %s", ids[i], id)
		}
		if said := compressionOf(string(d.MediaType)); l.Extents != nil && d.Size > 0 && said != "" && said != l.Extents.Compression().String() {
			add(i+1, NoteMediaType, "the media type %s says %s, and the content is %s", d.MediaType, said, l.Extents.Compression())
		}
		if len(d.URLs) > 0 {
			add(i+1, NoteForeignBlob, "the blob is fetched from elsewhere: %s", strings.Join(d.URLs, " "))
		}
		if first, ok := seen[id]; ok {
			add(i+1, NoteRepeated, "the same layer as layer %d", first)
		} else {
			seen[id] = i + 1
		}
	}
	return notes
}

// compressionOf is what a layer's media type says of its compression; "" if nothing.
func compressionOf(mediaType string) string {
	switch {
	case strings.HasSuffix(mediaType, "+gzip"), strings.HasSuffix(mediaType, ".gzip"):
		return "gzip"
	case strings.HasSuffix(mediaType, "+zstd"), strings.HasSuffix(mediaType, ".zstd"):
		return "zstd"
	case strings.HasSuffix(mediaType, ".tar"):
		return "none"
	}
	return ""
}

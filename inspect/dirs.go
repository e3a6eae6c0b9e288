package inspect

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// DirsOptions guides Dirs. The zero value works.
type DirsOptions struct {
	Layer int // from 1; 0 is the squashed image
	By    By  // how directories are ranked; unpacked if empty
	Depth int // how many levels below the root are told apart; 0 is 2
	// Limit is how many directories are listed below each at most; 0 is 20, All is
	// every one.
	Limit int
}

// DirsReport is where the bytes of an image or of a layer lie, by directory.
type DirsReport struct {
	Version string    `json:"version"`
	Image   ImageInfo `json:"image"`
	Layer   int       `json:"layer,omitempty"` // absent for the squashed image
	By      By        `json:"by"`
	Depth   int       `json:"depth"`
	Root    Dir       `json:"root"`
	// Other is what of the blobs carries no file that Root counts: files that are
	// hidden, headers of directories and whiteouts, the archives' ends. The root's
	// Content and Other are the blobs.
	Other *int64 `json:"other,omitempty"`
}

// Dir is a directory with all that lies below it.
type Dir struct {
	Named
	Sums
	Dirs []Dir `json:"dirs,omitempty"` // the biggest first
	// Omitted sums up the directories right below that are not in Dirs.
	Omitted *Omitted `json:"omitted,omitempty"`
}

// Sums are bytes and files below a directory.
type Sums struct {
	Unpacked int64  `json:"unpacked"`
	Content  *int64 `json:"content,omitempty"` // compressed
	Files    int64  `json:"files"`             // names, each path once
}

// Omitted sums up directories that are not listed.
type Omitted struct {
	Count int64 `json:"count"`
	Sums
}

// Dirs reports the directories of the image or of one of its layers by size.
func Dirs(ctx context.Context, in Input, o DirsOptions) (*DirsReport, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	layers := in.Layers
	if o.Layer != 0 {
		if err := in.number(o.Layer); err != nil {
			return nil, err
		}
		layers = in.Layers[o.Layer-1 : o.Layer]
	}
	o.By, o.Depth, o.Limit = cmp.Or(o.By, ByUnpacked), cmp.Or(o.Depth, 2), cmp.Or(o.Limit, defaultRows)
	if err := in.checkBy(o.By, layers); err != nil {
		return nil, err
	}
	total, known := in.content(o.Layer)
	s := newDirStack(o, known)
	for f, err := range walkFiles(layers, o.Layer != 0) {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("inspecting the directories of %s: %w", in.Name, err)
		}
		s.add(f)
	}
	r := &DirsReport{Version: DirsVersion, Image: in.info(), Layer: o.Layer, By: o.By, Depth: o.Depth, Root: s.finish()}
	if known {
		other := total - *r.Root.Content
		r.Other = &other
	}
	return r, nil
}

// content is the size of the blobs of one layer or, for 0, of all, each blob once;
// it is not known if that of a layer is not.
func (in *Input) content(number int) (int64, bool) {
	var total int64
	pulled := make(map[string]bool)
	for i, l := range in.Layers {
		if number != 0 && number != i+1 {
			continue
		}
		if l.Extents == nil {
			return 0, false
		}
		if digest := in.Manifest.Layers[i].Digest.String(); !pulled[digest] {
			pulled[digest] = true
			total += l.Extents.Size()
		}
	}
	return total, true
}

// walkFiles yields the names of the squashed layers, or of a single layer as it is.
func walkFiles(layers []Layer, single bool) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		measure := newFiles(layers)
		if single {
			for e, err := range layers[0].TOC.Entries("") {
				if !yield(measure.of(&e, 0), err) || err != nil {
					return
				}
			}
			return
		}
		in := Input{Layers: layers}
		for n, err := range layer.Squash(in.tocs()).Walk("") {
			if err != nil {
				yield(file{}, err)
				return
			}
			if !yield(measure.of(&n.Entry, n.Carrier), nil) {
				return
			}
		}
	}
}

// dirStack sums up the directories of a walk that goes by path.
type dirStack struct {
	o       DirsOptions
	content bool
	open    []*openDir // from the root down to where the walk is
}

type openDir struct {
	dir   Dir
	below Omitted // all directories right below
	top   *topK[Dir]
}

func newDirStack(o DirsOptions, content bool) *dirStack {
	s := &dirStack{o: o, content: content}
	s.push("")
	return s
}

func (s *dirStack) push(path string) {
	d := &openDir{dir: Dir{Named: layer.Name(path)}, top: newTopK(s.o.Limit, s.rank)}
	if s.content {
		d.dir.Content, d.below.Content = new(int64), new(int64)
	}
	s.open = append(s.open, d)
}

func (s *dirStack) rank(a, b Dir) int {
	bytesA, bytesB := a.Unpacked, b.Unpacked
	if s.o.By == ByContent {
		bytesA, bytesB = *a.Content, *b.Content
	}
	return cmp.Or(cmp.Compare(bytesB, bytesA), layer.ComparePaths(a.Path, b.Path))
}

func (s *dirStack) top() *openDir { return s.open[len(s.open)-1] }

func (s *dirStack) add(f file) {
	for len(s.open) > 1 && !strings.HasPrefix(f.path, s.top().dir.Path+"/") {
		s.close()
	}
	switch {
	case f.kind == layer.Dir && f.path != "" && strings.Count(f.path, "/") < s.o.Depth:
		s.push(f.path)
	case isFile(f.kind):
		one := Sums{Unpacked: f.unpacked, Content: &f.content, Files: 1}
		s.top().dir.Sums.add(one)
	}
}

// close gives the innermost open directory to the one above it.
func (s *dirStack) close() {
	d := s.top().finish()
	s.open = s.open[:len(s.open)-1]
	parent := s.top()
	parent.dir.Sums.add(d.Sums)
	parent.below.Count++
	parent.below.Sums.add(d.Sums)
	parent.top.add(d)
}

func (s *dirStack) finish() Dir {
	for len(s.open) > 1 {
		s.close()
	}
	return s.top().finish()
}

func (d *openDir) finish() Dir {
	d.dir.Dirs = d.top.sorted()
	left := d.below
	for _, child := range d.dir.Dirs {
		left.Count--
		left.Sums.subtract(child.Sums)
	}
	if left.Count > 0 {
		d.dir.Omitted = &left
	}
	return d.dir
}

func (s *Sums) add(t Sums) {
	s.Unpacked += t.Unpacked
	s.Files += t.Files
	if s.Content != nil && t.Content != nil {
		*s.Content += *t.Content
	}
}

func (s *Sums) subtract(t Sums) {
	s.Unpacked -= t.Unpacked
	s.Files -= t.Files
	if s.Content != nil && t.Content != nil {
		*s.Content -= *t.Content
	}
}

package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff"
)

// patch writes the text that changed, of all text files that are not too large.
func (s *session) patch(ctx context.Context, old, new *diffSide, f diffFlags) (err error) {
	most, err := report.ParseBytes(f.patchSize)
	if err != nil {
		return &usageError{text: "--patch-size: " + err.Error()}
	}
	changes, err := patched(ctx, old, new, f.list())
	if err != nil {
		return err
	}
	texts, err := newSpool(s.store.ScratchDir())
	if err != nil {
		return err
	}
	defer closing(texts.Close, &err)
	for _, side := range []*diffSide{old, new} {
		if err := side.spool(ctx, changes, most, texts); err != nil {
			return changed(err)
		}
	}
	s.program.progress.Clear()
	return s.program.answer(f.out.Output, func(w io.Writer) error {
		for i := range changes {
			text, err := texts.diff(&changes[i], old, new, most)
			if err != nil {
				return err
			}
			if err := s.program.writeText(w, f, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// patched are the files whose content differs, in the order of their paths.
func patched(ctx context.Context, old, new *diffSide, o diff.ListOptions) (all []diff.Change, err error) {
	for c, err := range diff.Files(old.Tree(), new.Tree(), o.FilesOptions) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if o.Filter.Takes(&c) && differsInContent(&c) {
			all = append(all, c)
		}
	}
	return all, nil
}

func differsInContent(c *diff.Change) bool {
	if c.Kind == diff.Modified {
		return !sameContent(c.Old, c.New)
	}
	return c.Old != nil && c.Old.Kind != layer.Dir || c.New != nil && c.New.Kind != layer.Dir
}

// spool reads the files of one side that are compared, each layer once, and those of one
// layer in the order in which they lie there.
func (d *diffSide) spool(ctx context.Context, changes []diff.Change, most int64, to *spool) error {
	wanted := make([][]layer.Entry, len(d.Layers))
	for i := range changes {
		if n := d.of(&changes[i]); n != nil && n.Kind == layer.File && n.Size <= most {
			wanted[n.Carrier] = append(wanted[n.Carrier], n.Entry)
		}
	}
	for carrier, entries := range wanted {
		if len(entries) == 0 {
			continue
		}
		err := d.contents(ctx, carrier, entries, func(e layer.Entry, r io.Reader) error {
			return to.add(spooled{d, carrier, e.Offset}, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// of is what this side has at a path that differs.
func (d *diffSide) of(c *diff.Change) *layer.Node {
	if d.newer {
		return c.New
	}
	return c.Old
}

// spool keeps contents in a file that has no name.
type spool struct {
	file  *os.File
	end   int64
	parts map[spooled]part
}

// spooled names a content: of a side, a layer, and a place in its tar.
type spooled struct {
	side    *diffSide
	carrier int
	offset  int64
}

type part struct{ at, bytes int64 }

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "patch-*")
	if err != nil {
		return nil, err
	}
	return &spool{file: f, parts: map[spooled]part{}}, os.Remove(filepath.Join(dir, filepath.Base(f.Name())))
}

func (s *spool) add(key spooled, r io.Reader) error {
	n, err := io.Copy(io.NewOffsetWriter(s.file, s.end), r)
	s.parts[key] = part{s.end, n}
	s.end += n
	return err
}

// Close frees the file.
func (s *spool) Close() error { return s.file.Close() }

// diff is what of a file's text changed, or what it is if it is no text.
func (s *spool) diff(c *diff.Change, old, new *diffSide, most int64) (string, error) {
	a, err := s.contentOf(old, c.Old, c.Path)
	b, err2 := s.contentOf(new, c.New, c.Path)
	if err := errors.Join(err, err2); err != nil {
		return "", err
	}
	return fileDiff(&a, &b, most), nil
}

func (s *spool) contentOf(side *diffSide, n *layer.Node, path string) (f sideFile, err error) {
	f = sideFile{label: side.Name + "/" + path, node: n}
	if n == nil {
		return f, nil
	}
	p, found := s.parts[spooled{side, n.Carrier, n.Offset}]
	if !found {
		return f, nil
	}
	f.content = make([]byte, p.bytes)
	_, err = s.file.ReadAt(f.content, p.at)
	if errors.Is(err, io.EOF) && p.bytes == 0 {
		err = nil
	}
	return f, err
}

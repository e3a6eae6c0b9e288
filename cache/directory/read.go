package directory

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/layers/layers/cache/layer"
)

// errStopped ends the walk when nobody reads what it finds any more.
var errStopped = errors.New("the walk was ended")

// Read walks the directory once, reading every file, and returns what a layer of it
// would hold; the caller closes that. No layer may be read in this process at the same
// time. Memory grows with the names, as it does for a layer, and is bounded by the
// limits; the files' contents are streamed.
//
// It gives all of the directory or an error that names a file: a *ChangedError if
// something was changed meanwhile, an *fs.PathError for what may not be read, a
// *NameError, an *EntryError, or a *layer.LimitError. Of extended attributes those are
// left out that the host's security modules and overlayfs use for themselves, and those
// with no value, which a layer cannot have.
func (d *Dir) Read(ctx context.Context, o Options) (*Layer, error) {
	f, err := newFiles(o.TempDir)
	if err != nil {
		return nil, err
	}
	w, err := d.index(ctx, f, o)
	if err != nil {
		return nil, errors.Join(err, f.discard())
	}
	l, err := f.open()
	if err != nil {
		return nil, errors.Join(err, f.discard())
	}
	l.Sockets, l.Whiteouts = w.sockets, w.whiteouts
	if err := f.discard(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// index walks the directory, and has package layer read beside it what that finds.
func (d *Dir) index(ctx context.Context, f *files, o Options) (w *walk, err error) {
	r, out := io.Pipe()
	walked := make(chan error, 1)
	go func() {
		var err error
		w, err = d.writeTo(ctx, out)
		out.CloseWithError(err) // nil is the end
		walked <- err
	}()
	_, err = layer.Index(ctx, r, layer.Outputs{TOC: f.toc, Kept: f.kept},
		layer.IndexOptions{Limits: o.Limits, TempDir: o.TempDir, Alone: true})
	r.CloseWithError(errStopped)
	if e := <-walked; e != nil && !errors.Is(e, errStopped) {
		err = e
	}
	return w, err
}

// files are what a walk's outcome is written to, for as long as they have names.
type files struct{ toc, kept *os.File }

func newFiles(dir string) (*files, error) {
	toc, err := os.CreateTemp(dir, "toc-*")
	if err != nil {
		return nil, err
	}
	f := &files{toc: toc}
	if f.kept, err = os.CreateTemp(dir, "kept-*"); err != nil {
		return nil, errors.Join(err, f.discard())
	}
	return f, nil
}

// open opens the files to be read, which they stay when their names are gone.
func (f *files) open() (*Layer, error) {
	toc, err := layer.OpenTOC(f.toc.Name())
	if err != nil {
		return nil, err
	}
	kept, err := layer.OpenKept(f.kept.Name())
	if err != nil {
		return nil, errors.Join(err, toc.Close())
	}
	return &Layer{TOC: toc, Kept: kept}, nil
}

func (f *files) discard() error {
	var errs []error
	for _, f := range []*os.File{f.toc, f.kept} {
		if f != nil {
			errs = append(errs, f.Close(), os.Remove(f.Name()))
		}
	}
	return errors.Join(errs...)
}

package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/layers/layers/cache/layer"
)

// Layer is what the store has derived from one layer.
type Layer struct {
	TOC     *layer.TOC
	Extents *layer.Extents
	Kept    *layer.Kept
}

// Close frees the open files. Layers of one image that are one blob share them, so
// none should be closed while another is in use; each may be.
func (l Layer) Close() error {
	var errs []error
	if l.TOC != nil {
		errs = append(errs, l.TOC.Close())
	}
	if l.Kept != nil {
		errs = append(errs, l.Kept.Close())
	}
	for i, err := range errs {
		if errors.Is(err, os.ErrClosed) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// derived opens what earlier passes made of a layer. ok is false if any of it is
// missing, damaged or of another format: then the layer is to be read again, and
// what is there gives way to what that makes.
//
// The extents are by the blob's digest and hold the DiffID that the blob was found
// to have: only they prove that the TOC, which is by DiffID, is that of the blob.
func (s *Store) derived(p *part) (l Layer, ok bool, err error) {
	l.Extents, err = layer.OpenExtents(s.extentsPath(p.digest))
	if err == nil && (l.Extents.DiffID() != p.diffID || l.Extents.Size() != p.size) {
		return Layer{}, false, nil
	}
	if err == nil {
		l.TOC, err = layer.OpenTOC(s.tocPath(p.diffID))
	}
	if err == nil && l.TOC.DiffID() != p.diffID {
		return Layer{}, false, l.Close()
	}
	if err == nil {
		l.Kept, err = layer.OpenKept(s.keptPath(p.diffID))
	}
	if err != nil {
		return Layer{}, false, errors.Join(exhausted(err), l.Close())
	}
	return l, true, nil
}

// exhausted returns only those errors of opening a file that say nothing about the
// file, and that reading the layer again would meet too.
func exhausted(err error) error {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return err
		}
	}
	return nil
}

// hasDerived is derived for those who do not want the content.
func (s *Store) hasDerived(p *part) (bool, error) {
	l, ok, err := s.derived(p)
	if !ok || err != nil {
		return false, err
	}
	return true, l.Close()
}

// made is what one pass made of a layer, in files without their final names.
type made struct {
	toc, extents, kept *os.File
	contents           *staged // of its files, for its snapshot; nil if there is to be none
}

// pass reads a layer's blob to its end and holds it against its digest and DiffID.
// The files are in dir.
func (s *Store) pass(ctx context.Context, slot *slot, p *part, blob io.Reader, dir string) (*made, error) {
	m, err := newMade(dir)
	if err != nil {
		return nil, err
	}
	out := layer.Outputs{TOC: m.toc, Extents: m.extents, Kept: m.kept}
	if p.staging != nil {
		if m.contents, err = p.staging.begin(); err != nil {
			return nil, errors.Join(err, m.discard())
		}
		out.Contents = m.contents
	}
	_, err = layer.Index(ctx, blob, out, layer.IndexOptions{Limits: s.options.Limits, Digest: p.digest, Size: p.size, DiffID: p.diffID,
		TempDir: dir, Alone: slot.isAlone()})
	if err == nil && m.contents != nil {
		err = m.contents.Flush()
	}
	if err != nil {
		return nil, errors.Join(blameConfig(err), m.discard())
	}
	return m, nil
}

// passWith makes a pass in a slot, and once more, alone, if there was too little
// memory for it beside others.
func (s *Store) passWith(ctx context.Context, slot *slot, pass func() (*made, error)) (*made, error) {
	m, err := pass()
	if !errors.Is(err, layer.ErrCrowded) {
		return m, err
	}
	if err := slot.alone(ctx); err != nil {
		return nil, err
	}
	return pass()
}

func newMade(dir string) (*made, error) {
	m := &made{}
	for _, f := range []struct {
		file **os.File
		name string
	}{{&m.toc, "toc-*"}, {&m.extents, "extents-*"}, {&m.kept, "kept-*"}} {
		var err error
		if *f.file, err = os.CreateTemp(dir, f.name); err != nil {
			return nil, errors.Join(err, m.discard())
		}
	}
	return m, nil
}

// open opens the files while they have their temporary names, so that nobody can
// sweep them in between. They stay readable when their names change or go.
func (m *made) open() (l Layer, err error) {
	l.Extents, err = layer.OpenExtents(m.extents.Name())
	if err == nil {
		l.TOC, err = layer.OpenTOC(m.toc.Name())
	}
	if err == nil {
		l.Kept, err = layer.OpenKept(m.kept.Name())
	}
	if err != nil {
		return Layer{}, errors.Join(err, l.Close())
	}
	return l, nil
}

// publish gives the files their names, the extents last: they are the proof. It
// does not wait for the disk, since each file has a checksum and can be made again.
func (s *Store) publish(m *made, p *part) error {
	err := errors.Join(
		os.Rename(m.kept.Name(), s.keptPath(p.diffID)),
		os.Rename(m.toc.Name(), s.tocPath(p.diffID)))
	if err == nil {
		err = os.Rename(m.extents.Name(), s.extentsPath(p.digest))
	}
	if err != nil {
		return s.writing(errors.Join(err, m.discard()))
	}
	contents := m.contents
	if m.contents = nil; contents != nil {
		err = p.staging.keep(p.diffID, contents)
	}
	return errors.Join(err, m.close())
}

func (m *made) close() error {
	return errors.Join(m.toc.Close(), m.extents.Close(), m.kept.Close())
}

// discard removes those files that still have their temporary names, and the contents.
func (m *made) discard() error {
	var errs []error
	if m.contents != nil {
		errs = append(errs, m.contents.Discard())
		m.contents = nil
	}
	for _, f := range []*os.File{m.toc, m.extents, m.kept} {
		if f == nil {
			continue
		}
		errs = append(errs, f.Close())
		if err := os.Remove(f.Name()); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

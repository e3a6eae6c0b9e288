package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/layers/layers/cache/layer"
)

// ingest downloads a layer, reads it behind its own download, and gives the blob
// its name. The caller holds the layer's lock.
func (s *Store) ingest(ctx context.Context, p *part, downloaded func()) error {
	resumed, err := s.ingestOnce(ctx, p, downloaded)
	var mismatch *layer.MismatchError
	if resumed && errors.As(err, &mismatch) && !isA[*ConfigError](err) {
		// What was pieced together is not the blob; what comes in one piece may be.
		s.talk.event(Event{Image: p.image, Layer: max(p.number, 0), Digest: p.digest,
			Step: Retrying, Size: p.size, Err: err})
		_, err = s.ingestOnce(ctx, p, downloaded)
	}
	return err
}

// ingestOnce reports whether the bytes came from more than one answer of the source.
func (s *Store) ingestOnce(ctx context.Context, p *part, downloaded func()) (resumed bool, err error) {
	f, have, err := s.openPartial(p)
	if err != nil {
		return false, s.writing(err)
	}
	defer f.Close()
	d := newDownload(s, p, f, have)
	m, err := s.passBehind(ctx, d, downloaded)
	if err == nil {
		return d.resumed, s.accept(f, m, p)
	}
	if unacceptable(err) {
		err = errors.Join(err, discardPartial(f))
	}
	return d.resumed, err
}

// openPartial opens what an earlier download left behind, or a new file.
func (s *Store) openPartial(p *part) (f *os.File, have int64, err error) {
	f, err = os.OpenFile(s.ingestPath(p.digest), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() > p.size {
		err = f.Truncate(0)
	} else if err == nil {
		have = fi.Size()
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, have, nil
}

// errUnread is why a download stops whose reader has failed.
var errUnread = errors.New("the layer could not be read")

// passBehind downloads and reads at the same time. What the pass says of bytes that
// did not all come is of no use: then the download's error counts.
func (s *Store) passBehind(ctx context.Context, d *download, downloaded func()) (*made, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer downloaded()
		d.run(ctx)
	}()
	m, err := s.passInSlot(ctx, d)
	if err != nil {
		cancel(errUnread)
	}
	<-ended
	stopped := context.Cause(ctx) == errUnread &&
		(errors.Is(d.err, errUnread) || errors.Is(d.err, context.Canceled))
	if d.err == nil || stopped {
		return m, err
	}
	return nil, errors.Join(d.err, discardMade(m))
}

func (s *Store) passInSlot(ctx context.Context, d *download) (*made, error) {
	pass, err := s.passes.take(ctx)
	if err != nil {
		return nil, err
	}
	defer pass.release()
	m, err := s.passWith(ctx, pass, func() (*made, error) {
		return s.pass(ctx, pass, d.part, &follower{d: d}, s.ScratchDir())
	})
	return m, s.writing(err)
}

func discardMade(m *made) error {
	if m == nil {
		return nil
	}
	return m.discard()
}

// unacceptable tells errors that condemn the bytes from those of getting them. A
// limit condemns nothing: it can be raised.
func unacceptable(err error) bool {
	var mismatch *layer.MismatchError
	var corrupt *layer.CorruptError
	var refused *layer.RefusedError
	return errors.As(err, &mismatch) || errors.As(err, &corrupt) || errors.As(err, &refused)
}

// discardPartial removes a partial download that can never become the blob.
func discardPartial(f *os.File) error {
	err := os.Remove(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// accept gives a blob its name that is on the disk and was read to its end. The
// directory is synced by whoever names the image.
func (s *Store) accept(f *os.File, m *made, p *part) error {
	if err := f.Chmod(0o444); err != nil {
		return s.writing(errors.Join(err, m.discard()))
	}
	if err := os.Rename(f.Name(), s.blobPath(p.digest)); err != nil {
		return s.writing(errors.Join(err, m.discard()))
	}
	return s.publish(m, p)
}

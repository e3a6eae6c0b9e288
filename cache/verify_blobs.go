package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/layers/layers/cache/layer"
)

// images goes through the names and notes which blobs they need, and as what.
func (v *verifier) images(ctx context.Context) error {
	for _, e := range v.named {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.digest == (v1.Hash{}) {
			continue
		}
		if !e.mediaType.IsImage() {
			v.need(Stored{Name: e.name, Digest: e.digest}, e.digest, -1, nil)
		}
		for _, st := range v.store.imagesOf(e) {
			v.counts.Images++
			if err := v.image(st); err != nil {
				v.found(&fault{kind: malformed, Damage: Damage{
					Path: path.Join(blobDir, st.Digest.Hex), What: err.Error(), Images: titles([]Stored{st})}})
			}
		}
	}
	return nil
}

// image notes the blobs of one image, as far as they can be told. Damage of the
// manifest and the config is found as that of any blob; the error is for an image
// that was malformed before it came here.
func (v *verifier) image(st Stored) error {
	v.need(st, st.Digest, -1, nil)
	raw, err := v.store.smallBlob(st.Digest, manifestLimit)
	if err != nil {
		return nil
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	v.need(st, m.Config.Digest, m.Config.Size, nil)
	for _, d := range m.Layers {
		v.need(st, d.Digest, d.Size, nil)
	}
	if !m.Config.MediaType.IsConfig() {
		return nil // an artifact of another program
	}
	raw, err = v.store.smallBlob(m.Config.Digest, configLimit)
	if err != nil {
		return nil
	}
	c, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := fits(m, c); err != nil {
		return err
	}
	img := &storedImage{store: v.store, digest: st.Digest, manifest: m, config: c}
	for i, d := range m.Layers {
		v.roles[d.Digest].layer = &part{image: st.Name, number: i, digest: d.Digest, size: d.Size,
			diffID: img.diffID(i), source: &storedLayer{image: img, number: i}}
	}
	return nil
}

func (v *verifier) need(st Stored, h v1.Hash, size int64, p *part) {
	r := v.roles[h]
	if r == nil {
		r = &role{size: -1}
		v.roles[h] = r
	}
	r.users = append(r.users, st)
	r.size = max(r.size, size)
	if p != nil {
		r.layer = p
	}
}

// titles are the images' names, or their digests.
func titles(images []Stored) []string {
	all := make([]string, 0, len(images))
	for _, st := range images {
		all = append(all, entry{name: st.Name, digest: st.Digest}.title())
	}
	return all
}

// blobs reads every blob.
func (v *verifier) blobs(ctx context.Context) error {
	found, err := os.ReadDir(v.store.path(blobDir))
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(int(v.store.passes.all))
	for _, e := range found {
		name := path.Join(blobDir, e.Name())
		if !isHex64(e.Name()) || !e.Type().IsRegular() {
			v.foundStray(name)
			continue
		}
		h := v1.Hash{Algorithm: "sha256", Hex: e.Name()}
		if r := v.roles[h]; r != nil {
			r.seen = true
		}
		g.Go(func() error { return v.blob(ctx, h) })
	}
	return g.Wait()
}

func (v *verifier) blob(ctx context.Context, h v1.Hash) error {
	f, err := os.Open(v.store.blobPath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nobody needed it, and it was swept meanwhile
	}
	if err != nil {
		return err
	}
	defer f.Close()
	pass, err := v.store.passes.take(ctx)
	if err != nil {
		return err
	}
	defer pass.release()
	r := v.roles[h]
	size, err := v.read(ctx, pass, f, h, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.count(1, 0, size)
	if err != nil {
		f := &fault{blob: h, Damage: Damage{Path: path.Join(blobDir, h.Hex), What: err.Error()}}
		if r != nil {
			f.Images = titles(r.users)
		}
		if isA[*ConfigError](err) {
			f.blob, f.kind = v1.Hash{}, malformed
		}
		v.found(f)
	}
	return nil
}

// read returns how many bytes a blob has and what is wrong with it.
func (v *verifier) read(ctx context.Context, pass *slot, f *os.File, h v1.Hash, r *role) (int64, error) {
	in := &tracked{r: &untilDone{ctx, f}}
	wrong, told := error(nil), false
	if r != nil && r.layer != nil {
		wrong, told = v.layer(ctx, pass, r.layer, in)
		if wrong == layer.ErrCrowded {
			if err := errors.Join(pass.alone(ctx), in.rewind(f)); err != nil {
				return 0, err
			}
			wrong, told = v.layer(ctx, pass, r.layer, in)
		}
	}
	if !told && in.err == nil {
		if err := in.rewind(f); err != nil {
			return 0, err
		}
		wrong = hashed(in, h)
	}
	if in.err != nil {
		return in.n, in.err
	}
	if wrong == nil && r != nil && r.size >= 0 && r.size != in.n {
		wrong = wrongSize(r.size, in.n)
	}
	return in.n, wrong
}

// tracked tells an error of the disk from what a reader makes of the bytes.
type tracked struct {
	r   io.Reader
	n   int64
	err error
}

// Read counts, and remembers what went wrong below.
func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

func (t *tracked) rewind(f io.Seeker) error {
	t.n = 0
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func hashed(r io.Reader, want v1.Hash) error {
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, r, make([]byte, 256<<10)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.Hex {
		return wrongDigest(want, v1.Hash{Algorithm: "sha256", Hex: got})
	}
	return nil
}

// layer makes the pass again and holds what was derived against what comes out. It
// tells nothing of a layer that cannot be read as one: another program may have
// put it here, or a limit may be lower than it was. It may be layer.ErrCrowded that is wrong.
func (v *verifier) layer(ctx context.Context, pass *slot, p *part, blob io.Reader) (wrong error, told bool) {
	toc, kept := sha256.New(), sha256.New()
	_, err := layer.Index(ctx, blob, layer.Outputs{TOC: toc, Kept: kept}, layer.IndexOptions{
		Limits: v.store.options.Limits, Digest: p.digest, Size: p.size, DiffID: p.diffID,
		TempDir: v.store.ScratchDir(), Alone: pass.isAlone()})
	if errors.Is(err, layer.ErrCrowded) {
		return layer.ErrCrowded, false
	}
	var mismatch *layer.MismatchError
	if errors.As(err, &mismatch) {
		return blameConfig(err), true
	}
	if err != nil {
		return nil, false
	}
	v.compare(path.Join(tocDir, p.diffID.Hex), toc, p)
	v.compare(path.Join(keptDir, p.diffID.Hex), kept, p)
	v.extents(p)
	return nil, true
}

// compare holds a derived file against what the pass made. One that is not there is
// no damage: it is made when it is needed.
func (v *verifier) compare(name string, want hash.Hash, p *part) {
	f, err := os.Open(v.store.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer f.Close()
		err = hashed(f, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(want.Sum(nil))})
	}
	v.derivedChecked(name, err, p)
}

// extents are not compared byte by byte: how near a decoder tells where it is may
// depend on how its input came.
func (v *verifier) extents(p *part) {
	name := path.Join(extentsDir, p.digest.Hex)
	x, err := layer.OpenExtents(v.store.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err == nil && x.DiffID() != p.diffID:
		err = &layer.MismatchError{What: "diffid", Want: p.diffID.String(), Got: x.DiffID().String()}
	case err == nil:
		err = coversBlob(x, p.size)
	}
	v.derivedChecked(name, err, p)
}

func coversBlob(x *layer.Extents, size int64) error {
	sum := x.Tail()
	for _, span := range x.Spans() {
		sum += span.Bytes
	}
	if sum != size || x.Size() != size {
		return wrongSize(size, sum)
	}
	return nil
}

func (v *verifier) derivedChecked(name string, err error, p *part) {
	v.mu.Lock()
	v.checked[name] = true
	v.mu.Unlock()
	v.derivedFound(name, err, p)
}

// lost finds what is named and not there.
func (v *verifier) lost(context.Context) error {
	for h, r := range v.roles {
		if r.seen {
			continue
		}
		if fi, err := os.Lstat(v.store.blobPath(h)); err == nil && fi.Mode().IsRegular() {
			continue // it came meanwhile
		}
		v.found(&fault{blob: h, Damage: Damage{Path: path.Join(blobDir, h.Hex), What: "missing", Images: titles(r.users)}})
	}
	return nil
}

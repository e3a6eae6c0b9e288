package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
	maxNested      = 4 // indexes in indexes
)

// resolved is a manifest that was read from a layout, and how it was come by.
type resolved struct {
	d     v1.Descriptor
	raw   []byte
	index *v1.Hash
	names []string // as the layout has them
}

func (f resolved) mediaType(m *v1.Manifest) types.MediaType {
	switch {
	case m.MediaType != "":
		return m.MediaType
	case f.d.MediaType.IsImage():
		return f.d.MediaType
	}
	return types.OCIManifestSchema1
}

// images finds what is asked for in the index of a layout.
func (l *layout) images(ctx context.Context, idx *v1.IndexManifest, ref Reference, o Options, all bool) ([]*Image, error) {
	top, err := l.choose(idx, ref.Name, o, all)
	if err != nil {
		return nil, err
	}
	w := walk{layout: l, ctx: ctx, o: o, all: all, seen: map[v1.Hash]bool{}}
	for _, d := range top {
		if err := w.descend(resolved{d: d, names: namesOf(idx, d.Digest)}, 0); err != nil {
			return nil, err
		}
	}
	if len(w.found) == 0 && w.missed != nil {
		return nil, w.missed
	}
	if len(w.found) == 0 && len(top) > 0 {
		return nil, l.blobError("manifest "+top[0].Digest.String(), errMissing)
	}
	return l.openAll(w.found, ref)
}

func (l *layout) openAll(from []resolved, ref Reference) ([]*Image, error) {
	var images []*Image
	for _, f := range from {
		img, err := l.image(f, ref)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// choose returns the entries of index.json that are asked for.
func (l *layout) choose(idx *v1.IndexManifest, want string, o Options, all bool) ([]v1.Descriptor, error) {
	if want != "" {
		return l.chooseNamed(idx, want, o, all)
	}
	images := imagesOf(idx)
	if len(images) == 1 || all && len(images) > 0 && !(o.onePlatform && l.sameNames(idx, images)) {
		return images, nil
	}
	if len(images) == 0 || l.sameNames(idx, images) {
		return l.choosePlatform(images, idx, o, all)
	}
	return nil, &NotFoundError{
		Name:   l.name,
		Reason: fmt.Sprintf("it holds %d images: name one", len(images)),
		Have:   l.have(idx),
	}
}

func (l *layout) chooseNamed(idx *v1.IndexManifest, want string, o Options, all bool) ([]v1.Descriptor, error) {
	if n, ok := position(want); ok && n < len(idx.Manifests) {
		return idx.Manifests[n : n+1], nil
	}
	if digest, ok := digestName(want); ok {
		return l.chooseDigest(idx, digest, want)
	}
	var named []v1.Descriptor
	for _, d := range idx.Manifests {
		if slices.ContainsFunc(refNames(d), func(have string) bool { return sameName(want, have) }) {
			named = append(named, d)
		}
	}
	switch len(named) {
	case 0:
		return nil, l.noSuch(idx, want)
	case 1:
		return named, nil
	}
	return l.choosePlatform(named, idx, o, all)
}

// chooseDigest finds a manifest by its digest, also one that only a nested index names.
func (l *layout) chooseDigest(idx *v1.IndexManifest, digest, want string) ([]v1.Descriptor, error) {
	var hits []v1.Descriptor
	for _, d := range imagesOf(idx) {
		if strings.HasPrefix(d.Digest.String(), digest) {
			hits = append(hits, d)
		}
	}
	if len(hits) == 1 {
		return hits, nil
	}
	h, err := v1.NewHash(digest)
	if len(hits) > 1 || err != nil || !l.files.has(l.manifest(h)) {
		return nil, l.noSuch(idx, want)
	}
	return []v1.Descriptor{{Digest: h, Size: -1}}, nil
}

func (l *layout) noSuch(idx *v1.IndexManifest, want string) error {
	return &NotFoundError{Name: l.name, Reason: fmt.Sprintf("it has no image %.200q", want), Have: l.have(idx)}
}

func (l *layout) choosePlatform(from []v1.Descriptor, idx *v1.IndexManifest, o Options, all bool) ([]v1.Descriptor, error) {
	part := *idx
	part.Manifests = from
	if len(from) == 0 {
		part.Manifests = idx.Manifests
	}
	return choosePlatforms(l.name, &part, o, all)
}

// sameNames holds if no name tells the images apart: then platforms must.
func (l *layout) sameNames(idx *v1.IndexManifest, images []v1.Descriptor) bool {
	first := namesOf(idx, images[0].Digest)
	for _, d := range images[1:] {
		if !slices.Equal(first, namesOf(idx, d.Digest)) {
			return false
		}
	}
	return true
}

// have lists what can be asked for.
func (l *layout) have(idx *v1.IndexManifest) []string {
	var lines []string
	for _, d := range imagesOf(idx) {
		names := namesOf(idx, d.Digest)
		if len(names) == 0 {
			names = []string{d.Digest.String()}
		}
		for _, n := range names {
			if !slices.Contains(lines, n) {
				lines = append(lines, n)
			}
		}
	}
	return lines
}

// walk collects the manifests below some descriptors, each once.
type walk struct {
	layout *layout
	ctx    context.Context
	o      Options
	all    bool
	seen   map[v1.Hash]bool
	found  []resolved
	missed error // that an image is not for the one platform
}

func (w *walk) descend(f resolved, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.seen[f.d.Digest] {
		w.alsoCalled(f)
		return nil
	}
	w.seen[f.d.Digest] = true
	l := w.layout
	what := "manifest " + f.d.Digest.String()
	switch t := f.d.MediaType; {
	case t.IsSchema1():
		return schema1Error(l.name)
	case t != "" && !t.IsImage() && !t.IsIndex():
		return &KindError{Name: l.name, Is: artifactName(f.d.ArtifactType, t)}
	}
	raw, err := l.document(what, l.manifest(f.d.Digest), f.d, maxManifest)
	if err != nil {
		if w.all && errors.Is(err, errMissing) { // a layout may hold some of an index only
			return nil
		}
		return err
	}
	f.raw = raw
	return w.take(f, depth)
}

// alsoCalled gives the names to what was found before.
func (w *walk) alsoCalled(f resolved) {
	for i := range w.found {
		if w.found[i].d.Digest != f.d.Digest {
			continue
		}
		for _, name := range f.names {
			if !slices.Contains(w.found[i].names, name) {
				w.found[i].names = append(w.found[i].names, name)
			}
		}
	}
}

// take adds the manifest that was read, or what the index leads to.
func (w *walk) take(f resolved, depth int) error {
	switch {
	case f.d.MediaType.IsIndex() || f.d.MediaType == "" && isIndex(f.raw):
		return w.nested(f, depth)
	case w.all && isArtifact(f.raw): // among images it is passed over
	default:
		w.found = append(w.found, f)
	}
	return nil
}

func (w *walk) nested(f resolved, depth int) error {
	l := w.layout
	if depth == maxNested {
		return &MalformedError{Name: l.name, What: "index", Err: fmt.Errorf("more than %d indexes in each other", maxNested)}
	}
	idx, err := parseIndex(l.name, f.raw)
	if err != nil {
		return err
	}
	if f.index == nil {
		f.index = &f.d.Digest
	}
	chosen, err := choosePlatforms(l.name, l.present(idx), w.o, w.all)
	if missed, ok := errors.AsType[*PlatformError](err); ok && w.o.onePlatform {
		w.missed = missed
		w.o.warn("%s: %s; it is left out", strings.Join(append(f.names, f.d.Digest.String())[:1], ""), missed.Error())
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range chosen {
		if err := w.descend(resolved{d: d, index: f.index, names: f.names}, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// present leaves out those manifests of an index that the layout does not have, if
// it has any: docker save and others write the platforms that they happen to hold.
func (l *layout) present(idx *v1.IndexManifest) *v1.IndexManifest {
	part := *idx
	part.Manifests = nil
	for _, d := range idx.Manifests {
		if l.files.has(l.manifest(d.Digest)) {
			part.Manifests = append(part.Manifests, d)
		}
	}
	if len(imagesOf(&part)) == 0 {
		return idx
	}
	return &part
}

// isArtifact says that a manifest is well formed and not of an image.
func isArtifact(raw []byte) bool {
	var kind *KindError
	_, err := parseManifest("", raw)
	return errors.As(err, &kind)
}

// position reads "@2", the third image, as skopeo and podman write it.
func position(want string) (int, bool) {
	s, ok := strings.CutPrefix(want, "@")
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), ok && err == nil
}

// digestName reads "sha256:…" and "@sha256:…", with 7 or more digits.
func digestName(want string) (string, bool) {
	want = strings.TrimPrefix(want, "@")
	hex, ok := strings.CutPrefix(want, "sha256:")
	return want, ok && isHexPrefix(hex)
}

// refNames are the names of one entry of index.json, the fullest first.
func refNames(d v1.Descriptor) []string {
	var names []string
	for _, key := range []string{containerdName, refName} {
		if n := d.Annotations[key]; n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// namesOf are the names of all entries for one digest.
func namesOf(idx *v1.IndexManifest, digest v1.Hash) []string {
	var names []string
	for _, d := range idx.Manifests {
		if d.Digest != digest {
			continue
		}
		for _, n := range refNames(d) {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

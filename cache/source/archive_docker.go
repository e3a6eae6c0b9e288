package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const dockerManifestFile = "manifest.json"

// dockerArchive is what docker save writes: manifest.json and the files it names.
type dockerArchive struct {
	name  string // for people
	files container
}

// savedImage is an image in manifest.json.
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (a *dockerArchive) images(ctx context.Context, ref Reference, all bool) ([]*Image, error) {
	saved, err := a.index()
	if err != nil {
		return nil, err
	}
	chosen, err := a.choose(saved, ref.Name, all)
	if err != nil {
		return nil, err
	}
	var images []*Image
	for _, s := range chosen {
		img, err := a.image(ctx, s, ref)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

func (a *dockerArchive) index() ([]savedImage, error) {
	raw, err := readAll(a.files, dockerManifestFile, maxManifest)
	var saved []savedImage
	if err == nil {
		err = unmarshal(raw, maxManifest, &saved)
	}
	if err == nil && len(saved) == 0 {
		err = errors.New("it names no image")
	}
	if err != nil {
		return nil, a.malformed(dockerManifestFile, err)
	}
	return saved, nil
}

func (a *dockerArchive) malformed(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: is the archive cut off", err)
	}
	return &MalformedError{Name: a.name, What: what, Err: err}
}

func (a *dockerArchive) choose(saved []savedImage, want string, all bool) ([]savedImage, error) {
	if want == "" && (all || len(saved) == 1) {
		return saved, nil
	}
	if n, ok := position(want); ok && n < len(saved) {
		return saved[n : n+1], nil
	}
	for _, s := range saved {
		if slices.ContainsFunc(s.RepoTags, func(have string) bool { return sameName(want, have) }) {
			return []savedImage{s}, nil
		}
		if digest, ok := digestName(want); ok && strings.HasPrefix("sha256:"+hexIn(s.Config), digest) {
			return []savedImage{s}, nil
		}
	}
	reason := fmt.Sprintf("it holds %d images: name one", len(saved))
	if want != "" {
		reason = fmt.Sprintf("it has no image %.200q", want)
	}
	return nil, &NotFoundError{Name: a.name, Reason: reason, Have: tagsOf(saved)}
}

func tagsOf(saved []savedImage) []string {
	var tags []string
	for i, s := range saved {
		if len(s.RepoTags) == 0 {
			tags = append(tags, fmt.Sprintf("@%d", i))
		}
		tags = append(tags, s.RepoTags...)
	}
	return tags
}

// image makes the manifest that the archive does not have: it depends on nothing
// but what the archive holds.
func (a *dockerArchive) image(ctx context.Context, s savedImage, ref Reference) (*Image, error) {
	rawConfig, err := a.config(s.Config)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(a.name, rawConfig, nil)
	if err != nil {
		return nil, err
	}
	if got, want := len(s.Layers), len(config.RootFS.DiffIDs); got != want {
		return nil, a.malformed(dockerManifestFile, fmt.Errorf("it has %d layers, the config %d", got, want))
	}
	layers := &savedLayers{archive: a, paths: map[v1.Hash]string{}}
	m, err := layers.manifest(ctx, s, rawConfig, config.RootFS.DiffIDs)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	img, err := newImage(raw, rawConfig, m.MediaType, layers)
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	names := asked(ref, s.RepoTags)
	return &Image{
		Image: img, Ref: ref,
		Name:  displayName(ref, names),
		Names: names, Platform: imagePlatform(config, nil), Digest: digest, From: DockerArchive,
	}, nil
}

// hexName finds the digest that programs put into the names of configs:
// "<hex>.json", "sha256:<hex>", "blobs/sha256/<hex>".
var hexName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:blobs/sha256/|sha256:)?([0-9a-f]{64})(?:\.json)?$`)
})

func hexIn(name string) string {
	if m := hexName().FindStringSubmatch(inside(name)); m != nil {
		return m[1]
	}
	return ""
}

func (a *dockerArchive) config(path string) ([]byte, error) {
	raw, err := readAll(a.files, path, maxConfig)
	if err != nil {
		return nil, a.malformed("config", err)
	}
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if want := hexIn(path); want != "" && want != got.Hex {
		return nil, &DigestError{Name: a.name, What: "config", Want: "sha256:" + want, Got: got.String()}
	}
	return raw, nil
}

// savedLayers opens the layers of one image in an archive.
type savedLayers struct {
	archive *dockerArchive
	paths   map[v1.Hash]string
}

func (l *savedLayers) manifest(ctx context.Context, s savedImage, rawConfig []byte, ids []v1.Hash) (*v1.Manifest, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(rawConfig))
	if err != nil {
		return nil, err
	}
	m := &v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: types.OCIConfigJSON, Size: size, Digest: digest},
		Layers:        []v1.Descriptor{},
	}
	for i, path := range s.Layers {
		d, err := l.describe(ctx, path, ids[i])
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, l.archive.malformed(fmt.Sprintf("layer %d", i+1), err)
		}
		if _, ok := l.paths[d.Digest]; !ok {
			l.paths[d.Digest] = path
		}
		m.Layers = append(m.Layers, d)
	}
	return m, nil
}

// describe says what a layer is without reading it, unless it is compressed and its
// name does not tell its digest. The DiffID of a tar is its digest.
func (l *savedLayers) describe(ctx context.Context, path string, id v1.Hash) (v1.Descriptor, error) {
	head, size, err := firstBytes(l.archive.files, path)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: types.OCIUncompressedLayer, Size: size, Digest: id}
	switch compressionOf(head) {
	case uncompressed:
		return d, nil
	case gzipped:
		d.MediaType = types.OCILayer
	case zstandard:
		d.MediaType = types.OCILayerZStd
	}
	if hex := hexIn(path); hex != "" && strings.HasPrefix(inside(path), "blobs/sha256/") {
		d.Digest = v1.Hash{Algorithm: "sha256", Hex: hex}
		return d, nil
	}
	d.Digest, err = l.hash(ctx, path)
	return d, err
}

func (l *savedLayers) hash(ctx context.Context, path string) (v1.Hash, error) {
	f, _, err := l.archive.files.open(path)
	if err != nil {
		return v1.Hash{}, err
	}
	defer f.Close()
	h, _, err := v1.SHA256(contextReader{ctx, f})
	return h, err
}

func (l *savedLayers) open(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	f, _, err := l.archive.files.open(l.paths[d.Digest])
	if err != nil {
		return nil, l.archive.malformed("layer "+d.Digest.String(), err)
	}
	return f, nil
}

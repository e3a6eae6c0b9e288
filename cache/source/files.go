package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// openFiles finds images in a layout or an archive, whichever the file turns out to be.
func openFiles(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	files, err := openContainer(ctx, nameOf(ref), ref.Path, o)
	if err != nil {
		return nil, err
	}
	return imagesIn(ctx, files, ref, o, all)
}

// nameOf is how errors call what a reference leads to.
func nameOf(ref Reference) string {
	if ref.Transport == Path && ref.Path == "-" {
		return stdinName
	}
	return ref.Text
}

func openContainer(ctx context.Context, name, path string, o Options) (container, error) {
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fileError(name, path, err)
		}
		if info.IsDir() {
			return openDirectory(name, path)
		}
	}
	in, err := openInput(ctx, name, path, o)
	if err != nil {
		return nil, err
	}
	a, err := newArchive(ctx, in)
	if err == nil {
		return a, nil
	}
	in.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &MalformedError{Name: name, What: "archive", Err: err}
}

// openDirectory finds out now that a directory may not be read: its files would
// seem not to exist.
func openDirectory(name, path string) (container, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(name, path, err)
	}
	f.Close()
	if _, err := os.Stat(filepath.Join(path, layoutFile)); errors.Is(err, fs.ErrPermission) {
		return nil, fileError(name, path, err)
	}
	return directory(path), nil
}

// imagesIn finds images in a container and gives it to them, or closes it.
func imagesIn(ctx context.Context, files container, ref Reference, o Options, all bool) ([]*Image, error) {
	images, err := detect(ctx, files, ref, o, all)
	if err != nil || len(images) == 0 {
		err = sayHowToName(err, files, ref)
		files.Close()
		return nil, err
	}
	tellApart(images)
	share(images, files)
	return images, nil
}

// The kinds of what lies in a container.
type kind int

const (
	nothing    kind = iota
	ociKind         // oci-layout and index.json
	savedKind       // manifest.json of docker save
	bothKinds       // docker save writes both since version 25
	skopeoKind      // manifest.json is the manifest of the one image
)

func kindOf(files container) kind {
	oci, saved := files.has(layoutFile), files.has(dockerManifestFile)
	switch {
	case oci && saved:
		return bothKinds
	case oci:
		return ociKind
	case !saved:
		return nothing
	}
	raw, err := readAll(files, dockerManifestFile, maxManifest)
	if err != nil {
		return savedKind // whose reader says what is wrong
	}
	var s shape
	switch err := unmarshal(raw, maxManifest, &s); {
	case err == nil && s.SchemaVersion != nil:
		return skopeoKind
	case err == nil: // some other program's manifest.json
		return nothing
	}
	return savedKind
}

func detect(ctx context.Context, files container, ref Reference, o Options, all bool) ([]*Image, error) {
	wantOCI := ref.Transport == OCI || ref.Transport == OCIArchive
	archive := &dockerArchive{name: nameOf(ref), files: files}
	switch kind := kindOf(files); {
	case kind == skopeoKind && ref.Transport == Path:
		return openSkopeoDir(ctx, files, ref, o, all)
	case kind == savedKind && wantOCI:
		return nil, &NotFoundError{Name: nameOf(ref), Reason: "it is a docker-archive, write docker-archive:" + ref.Path}
	case kind == ociKind && ref.Transport == DockerArchive:
		return nil, &NotFoundError{Name: nameOf(ref), Reason: "it is an OCI layout, write " + string(ociTransport(files)) + ":" + ref.Path}
	case kind == savedKind:
		return archive.images(ctx, ref, all)
	case kind == ociKind || kind == bothKinds && wantOCI:
		return openLayout(ctx, files, ref, o, all)
	case kind == bothKinds:
		images, err := openWhole(ctx, files, ref, o, all)
		if errors.Is(err, errMissing) {
			return archive.images(ctx, ref, all)
		}
		for _, img := range images {
			img.From = DockerArchive // docker save wrote it
		}
		return images, err
	}
	return nil, noImage(nameOf(ref), files)
}

// sayHowToName adds to an error that lists the images of a file one of them as it is
// written: a plain path has no place for a name.
func sayHowToName(err error, files container, ref Reference) error {
	var unnamed *NotFoundError
	if ref.Transport != Path || !errors.As(err, &unnamed) || len(unnamed.Have) == 0 {
		return err
	}
	transport := DockerArchive
	if kindOf(files) == ociKind {
		transport = ociTransport(files)
	}
	unnamed.Detail = append(unnamed.Detail, "write "+string(transport)+":"+ref.Path+":"+unnamed.Have[0])
	return err
}

// ociTransport is how an OCI layout is named.
func ociTransport(files container) Transport {
	if _, ok := files.(*archive); ok {
		return OCIArchive
	}
	return OCI
}

// noImage says what a container holds instead of an image.
func noImage(name string, files container) error {
	a, ok := files.(*archive)
	switch {
	case !ok:
		return &KindError{Name: name, Is: directoryKind(files)}
	case a.unended:
		return &MalformedError{Name: name, What: "archive", Err: errCut}
	}
	return &KindError{Name: name, Is: archiveKind(a)}
}

func openLayout(ctx context.Context, files container, ref Reference, o Options, all bool) ([]*Image, error) {
	l := ociLayout(nameOf(ref), files)
	idx, err := l.index()
	if err != nil {
		return nil, err
	}
	return l.images(ctx, idx, ref, o, all)
}

// openWhole is openLayout for an archive that holds its images in another form too:
// what the layout does not have, or not whole, is an error that is errMissing.
func openWhole(ctx context.Context, files container, ref Reference, o Options, all bool) ([]*Image, error) {
	images, err := openLayout(ctx, files, ref, o, all)
	var unknown *NotFoundError
	if errors.As(err, &unknown) {
		return nil, errMissing
	}
	l := ociLayout(nameOf(ref), files)
	for _, img := range images {
		if !l.whole(img) {
			return nil, errMissing
		}
	}
	return images, err
}

// openSkopeoDir finds the image in what skopeo and podman write as "dir:".
func openSkopeoDir(ctx context.Context, files container, ref Reference, o Options, all bool) ([]*Image, error) {
	raw, err := readAll(files, dockerManifestFile, maxManifest)
	if err != nil {
		return nil, &MalformedError{Name: nameOf(ref), What: dockerManifestFile, Err: err}
	}
	f := resolved{raw: raw}
	f.d.Digest, f.d.Size, err = v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	l := skopeoDir(nameOf(ref), files)
	w := walk{layout: l, ctx: ctx, o: o, all: all, seen: map[v1.Hash]bool{}}
	if err := w.take(f, 0); err != nil {
		return nil, err
	}
	return l.openAll(w.found, ref)
}

// tellApart gives images of one name that have none of their own their digest.
func tellApart(images []*Image) {
	count := map[string]int{}
	for _, i := range images {
		count[i.Name]++
	}
	for _, i := range images {
		if len(i.Names) == 0 && count[i.Name] > 1 {
			i.Name += fmt.Sprintf("@%.12s", i.Digest.Hex)
		}
	}
}

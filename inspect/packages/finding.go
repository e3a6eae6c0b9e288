package packages

import (
	"context"
	"fmt"

	"github.com/layers/layers/cache/layer"
)

var comparePaths = layer.ComparePaths

// finding is one search for packages: a walk that finds their records; their lists of
// files; and all that the image shows held against those.
type finding struct {
	ctx      context.Context
	layers   []Layer
	tree     *layer.Tree
	set      Set
	packages []Package
	records  records
	shown    []shown // what the image shows, in order; none if it is more than maxShown
	count    int     // of that
	links    links
	owners   map[string]int32 // by clean path, the index of the package
	dirs     map[string]int32 // the directories that a package owns whole
	wants    func(*Package) bool
	owns     func(*Package, string) // nil if nobody asks

	read, listed, pathBytes int             // against the limits
	full                    map[string]bool // the limits that were said to be reached
}

func newFinding(ctx context.Context, layers []Layer) *finding {
	tocs := make([]*layer.TOC, len(layers))
	for i, l := range layers {
		tocs[i] = l.TOC
	}
	return &finding{
		ctx: ctx, layers: layers, tree: layer.Squash(tocs), set: Set{Packages: []Package{}}, packages: []Package{},
		owners: make(map[string]int32), dirs: make(map[string]int32), full: make(map[string]bool),
		wants: func(*Package) bool { return true },
	}
}

func (f *finding) run() error {
	if err := f.scan(); err != nil {
		return fmt.Errorf("finding packages: %w", err)
	}
	if r := &f.records; len(r.debLists)+len(r.apks)+len(r.rpms) > 0 {
		f.owners = make(map[string]int32, len(f.shown)) // most of what such an image shows is of packages
	}
	for _, find := range []func() error{f.debs, f.apks, f.rpms, f.pythons, f.measure} {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		if err := find(); err != nil {
			return fmt.Errorf("finding packages: %w", err)
		}
	}
	return nil
}

// add adds a package, and returns its index; nobody if there are too many.
func (f *finding) add(p Package) int32 {
	if len(p.Name)+len(p.Version)+len(p.Arch)+len(p.Go) > maxName {
		f.noteFull(fmt.Sprintf("packages with names of more than %d bytes", maxName))
		return nobody
	}
	if len(f.packages) >= maxPackages {
		f.noteFull(fmt.Sprintf("there are more than %d packages", maxPackages))
		return nobody
	}
	f.packages = append(f.packages, p)
	return int32(len(f.packages) - 1)
}

// wanted reports whether anybody asks for the files of a package.
func (f *finding) wanted(i int32) bool { return i >= 0 && f.wants(&f.packages[i]) }

// own says that a package lists a clean path. Who lists it first, owns it. It returns
// false when no more can be listed.
func (f *finding) own(i int32, path string) bool {
	if path == "" || len(path) > maxPath {
		return true
	}
	if f.listed += len(path); f.listed > maxListed || f.pathBytes > maxPathBytes || len(f.owners) >= maxPaths {
		f.noteFull(fmt.Sprintf("packages list more than %d paths, or paths of more than %d bytes", maxPaths, maxPathBytes))
		return false
	}
	path, ok := f.links.resolve(path)
	if !ok {
		return true
	}
	if _, ok := f.owners[path]; !ok {
		f.pathBytes += len(path)
		f.owners[path] = i
	}
	return true
}

// content returns what was kept of a record. Where it was not, ok is false and a note
// says so.
func (f *finding) content(r *record) (content []byte, ok bool, err error) {
	if r.kind != layer.File {
		f.note(r.path, "it is no regular file")
		return nil, false, nil
	}
	content, ok, err = f.kept(r)
	if err == nil && !ok {
		f.note(r.path, "it was not kept when its layer was read: it is too large, or has its content from another name")
	}
	return content, ok, err
}

// kept is content without notes.
func (f *finding) kept(r *record) (content []byte, ok bool, err error) {
	if err := f.ctx.Err(); err != nil {
		return nil, false, err
	}
	kept := f.layers[r.carrier].Kept
	if kept == nil || f.read >= maxRead {
		if f.read >= maxRead {
			f.noteFull(fmt.Sprintf("what tells of packages has more than %d bytes", maxRead))
		}
		return nil, false, nil
	}
	content, ok, err = kept.Content(r.offset)
	if err != nil {
		return nil, false, fmt.Errorf("%s of layer %d: %w", r.path, r.carrier+1, err)
	}
	f.read += len(content)
	return content, ok, nil
}

func (f *finding) note(path, why string) {
	if len(f.set.Notes) < maxNotes {
		f.set.Notes = append(f.set.Notes, Note{Path: path, Why: why})
	}
}

// noteFull is note for what is to be said once.
func (f *finding) noteFull(why string) {
	if !f.full[why] {
		f.full[why] = true
		f.note("", why)
	}
}

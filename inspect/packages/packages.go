// Package packages finds the packages that an image holds, and the files that each
// owns: Debian's, Alpine's and rpm's by their databases, Python's and npm's by what
// their installers leave beside them, Go programs and Java archives by what they say
// of themselves.
//
// It reads nothing but what the one pass over a layer has made: tables of contents,
// and the small files kept with them. All of it comes from the image and may be
// anything; what cannot be read is said in a note, and the rest is found all the same.
package packages

import (
	"cmp"
	"context"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// Layer is what was derived from one layer. Kept may be nil: packages that are known
// by files of that layer are then not found, or without their files.
type Layer struct {
	TOC  *layer.TOC
	Kept *layer.Kept
}

// Kind is what a package was installed with, or made by.
type Kind string

// The kinds of packages.
const (
	Deb    Kind = "deb"
	Apk    Kind = "apk"
	RPM    Kind = "rpm"
	Python Kind = "python"
	NPM    Kind = "npm"
	Go     Kind = "go"
	Java   Kind = "java"
)

// Package is one package of an image.
type Package struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"` // of a Go program, its main module
	Version string `json:"version,omitempty"`
	Arch    string `json:"arch,omitempty"`
	// Path is where the package is: the dist-info or egg-info, the directory with
	// the package.json, the program, the archive; "" for those in a database.
	Path string `json:"path,omitempty"`
	// Layer, from 1, is the layer whose entry made the package's record: for those in
	// a database the layer of the database, but for a Debian package the one of its
	// list of files, which is the layer that installed it.
	Layer int `json:"layer"`
	// Files are the names that the package owns and the image shows, and Bytes the
	// unpacked bytes of them, of a file of several names once.
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	// Go is the version of Go that a Go program was built with, and Modules how many
	// modules are in it besides the main one.
	Go      string `json:"go,omitempty"`
	Modules int    `json:"modules,omitempty"`
}

// Set is the packages of an image.
type Set struct {
	// Packages is sorted by kind, name, architecture, path and version.
	Packages []Package `json:"packages"`
	// Owned is what some package owns, and Unowned what none does.
	Owned   Sum `json:"owned"`
	Unowned Sum `json:"unowned"`
	// Notes say what is not in the other fields though the image may have it.
	Notes []Note `json:"notes,omitempty"`
}

// Sum is a number of names that are no directories, and the bytes of their files.
type Sum struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Note says of a file or directory that packages are told by why they were not read.
type Note struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Limits of what is believed of an image, far above what images have. They bound
// memory and time where an image was made to take them.
const (
	maxPackages  = 200_000
	maxRecords   = 500_000   // files that tell of packages
	maxRead      = 512 << 20 // bytes of those
	maxPaths     = 2_000_000 // in lists of files
	maxPathBytes = 256 << 20 // of those, and of the directories that they lie in
	maxListed    = 1 << 30   // bytes of paths in lists, repeated ones too
	maxPath      = 4 << 10   // bytes of a path, as Linux
	maxName      = 1 << 10   // bytes of a package's name, version and so on
	maxLinks     = 200_000   // symbolic links that lists of files may lead through
	maxNotes     = 100
	maxShown     = 200_000 // names that the image shows and that are remembered, rather than walked twice
)

// Find returns the packages of the image with these layers, bottom first. The result
// depends on nothing but the layers. An error is one of reading a table of contents
// or what was kept, or the context's.
func Find(ctx context.Context, layers []Layer) (*Set, error) {
	f := newFinding(ctx, layers)
	if err := f.run(); err != nil {
		return nil, err
	}
	f.set.Packages = f.packages
	slices.SortStableFunc(f.set.Packages, compare)
	return &f.set, nil
}

func compare(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch),
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version))
}

package packages

import (
	"context"
	"slices"
	"unicode/utf8"
)

// Paths returns, for each of some packages that Find has found in the same layers,
// the clean paths of the files that it owns and that the image shows, in the order of
// the walk. The lists of other system packages are not read: of a path that two of
// them list, both are the owners here.
func Paths(ctx context.Context, layers []Layer, of []Package) ([][]string, error) {
	wanted := make(map[identity][]int, len(of))
	for i, p := range of {
		wanted[identityOf(p)] = append(wanted[identityOf(p)], i)
	}
	paths := make([][]string, len(of))
	if len(of) == 0 {
		return paths, nil
	}
	f := newFinding(ctx, layers)
	f.wants = func(p *Package) bool { return wanted[identityOf(*p)] != nil }
	f.owns = func(p *Package, path string) {
		for _, i := range wanted[identityOf(*p)] {
			paths[i] = append(paths[i], path)
		}
	}
	if err := f.run(); err != nil {
		return nil, err
	}
	for _, p := range paths {
		slices.SortFunc(p, comparePaths)
	}
	return paths, nil
}

// identity is what tells a package from all others of an image, as it is when the
// package has been through JSON, which has no bytes that are not UTF-8.
type identity struct {
	kind                      Kind
	name, version, arch, path string
}

func identityOf(p Package) identity {
	return identity{p.Kind, valid(p.Name), valid(p.Version), valid(p.Arch), valid(p.Path)}
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

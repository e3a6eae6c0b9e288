package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/layers/layers/inspect/packages"
)

// PackageChange is a package that differs. A version is "" on the side that has not got
// the package.
type PackageChange struct {
	Kind packages.Kind `json:"kind"`
	Name string        `json:"name"`
	Arch string        `json:"arch,omitempty"`
	Path string        `json:"path,omitempty"` // where it is, of what can be in several places
	Old  string        `json:"old,omitempty"`
	New  string        `json:"new,omitempty"`
	// Unpacked is by how much the bytes of the files that it owns changed, and Files by
	// how many these are more.
	Unpacked int64 `json:"unpacked"`
	Files    int64 `json:"files"`
}

// PackageChanges are the packages that differ.
type PackageChanges struct {
	Old     int             `json:"old"` // how many there are
	New     int             `json:"new"`
	Changed []PackageChange `json:"changed"` // the largest change first
	// Unchanged is how many are the same on both sides, by kind.
	Unchanged map[packages.Kind]int `json:"unchanged"`
	// Unowned is the unpacked bytes of the files that no package owns.
	Unowned Amount `json:"unowned"`
	// Notes say of what could not be read, on either side, that packages may be missing.
	Notes []packages.Note `json:"notes,omitempty"`
}

// ownership is which of the packages that differ own which paths, on either side.
type ownership struct{ old, new map[string]*PackageChange }

// owner is the package that a changed path belongs to: to that of the new image, if the
// path is there.
func (o *ownership) owner(c *Change) *PackageChange {
	if c.New != nil {
		if of := o.new[c.Path]; of != nil {
			return of
		}
	}
	if c.Old != nil {
		return o.old[c.Path]
	}
	return nil
}

// packageChanges compares the packages of both sides, and finds out what those that
// differ own.
func (c *comparison) packageChanges(ctx context.Context) (*PackageChanges, error) {
	if c.old.Packages == nil || c.new.Packages == nil {
		return nil, nil
	}
	m := matchPackages(c.old.Packages.Packages, c.new.Packages.Packages)
	r := &PackageChanges{
		Old: len(c.old.Packages.Packages), New: len(c.new.Packages.Packages),
		Changed: make([]PackageChange, len(m.changed)), Unchanged: m.unchanged,
		Unowned: amount(c.old.Packages.Unowned.Bytes, c.new.Packages.Unowned.Bytes),
		Notes:   slices.Clone(c.old.Packages.Notes),
	}
	for _, n := range c.new.Packages.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
	slices.SortStableFunc(m.changed, func(a, b packagePair) int {
		x, y := a.change(), b.change()
		return cmp.Or(cmp.Compare(abs(y.Unpacked), abs(x.Unpacked)), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
	var old, new []packages.Package
	var oldOf, newOf []*PackageChange
	for i, p := range m.changed {
		change := &r.Changed[i]
		*change = p.change()
		if p.old != nil {
			old, oldOf = append(old, *p.old), append(oldOf, change)
		}
		if p.new != nil {
			new, newOf = append(new, *p.new), append(newOf, change)
		}
	}
	var err error
	if c.owned.old, err = c.old.ownedBy(ctx, old, oldOf); err != nil {
		return nil, err
	}
	c.owned.new, err = c.new.ownedBy(ctx, new, newOf)
	return r, err
}

func (i *Image) ownedBy(ctx context.Context, of []packages.Package, changes []*PackageChange) (map[string]*PackageChange, error) {
	owned := map[string]*PackageChange{}
	if len(of) == 0 || i.Paths == nil {
		return owned, nil
	}
	lists, err := i.Paths(ctx, of)
	for n, paths := range lists {
		for _, path := range paths {
			owned[path] = changes[n]
		}
	}
	return owned, err
}

// packagePair is a package of the old side and what became of it; either may be nil.
type packagePair struct{ old, new *packages.Package }

func (p packagePair) change() (c PackageChange) {
	if p.old != nil {
		c = PackageChange{Kind: p.old.Kind, Name: p.old.Name, Arch: p.old.Arch, Path: p.old.Path, Old: p.old.Version}
		c.Unpacked, c.Files = -p.old.Bytes, -p.old.Files
	}
	if p.new != nil {
		c.Kind, c.Name, c.Arch, c.Path, c.New = p.new.Kind, p.new.Name, p.new.Arch, p.new.Path, p.new.Version
		c.Unpacked += p.new.Bytes
		c.Files += p.new.Files
	}
	return c
}

type packageMatch struct {
	changed   []packagePair
	unchanged map[packages.Kind]int
}

// packageKey is what makes a package the same one in another version.
type packageKey struct {
	kind       packages.Kind
	name, arch string
}

// matchPackages pairs packages of one name. Where there are several, those of one
// version and place are the same, then those of one place or version; the rest are
// paired in their order.
func matchPackages(old, new []packages.Package) packageMatch {
	m := packageMatch{unchanged: map[packages.Kind]int{}}
	groups := map[packageKey]*[2][]*packages.Package{}
	var order []packageKey
	for side, list := range [][]packages.Package{old, new} {
		for i := range list {
			p := &list[i]
			key := packageKey{p.Kind, p.Name, p.Arch}
			if groups[key] == nil {
				groups[key] = &[2][]*packages.Package{}
				order = append(order, key)
			}
			groups[key][side] = append(groups[key][side], p)
		}
	}
	for _, key := range order {
		m.group(groups[key][0], groups[key][1])
	}
	return m
}

func (m *packageMatch) group(old, new []*packages.Package) {
	for _, same := range []func(a, b *packages.Package) bool{
		func(a, b *packages.Package) bool { return a.Version == b.Version && a.Path == b.Path },
		func(a, b *packages.Package) bool { return a.Version == b.Version },
		func(a, b *packages.Package) bool { return a.Path == b.Path },
		func(a, b *packages.Package) bool { return true },
	} {
		old = slices.DeleteFunc(old, func(a *packages.Package) bool {
			i := slices.IndexFunc(new, func(b *packages.Package) bool { return same(a, b) })
			if i < 0 {
				return false
			}
			m.pair(a, new[i])
			new = slices.Delete(new, i, i+1)
			return true
		})
	}
	for _, p := range old {
		m.changed = append(m.changed, packagePair{old: p})
	}
	for _, p := range new {
		m.changed = append(m.changed, packagePair{new: p})
	}
}

// pair takes two of one name. A version that moved to another place is unchanged.
func (m *packageMatch) pair(old, new *packages.Package) {
	if old.Version == new.Version {
		m.unchanged[old.Kind]++
		return
	}
	m.changed = append(m.changed, packagePair{old, new})
}

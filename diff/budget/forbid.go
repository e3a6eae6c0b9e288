package budget

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/inspect/packages"
)

// How much of what a rule has found is told.
const (
	mostMatches = 100
	mostCauses  = 5
	mostFiles   = 5
)

// forbidding looks for what must be in no layer.
type forbidding struct {
	*checking
	rule    *Rule
	looked  []int // the layers that are looked at
	held    []packages.Layer
	matches []Match
	dirs    []Match // that match themselves, or are in one that does
	number  int     // of all matches
	bytes   []int64
	files   [][]diff.FileChange // of each layer
}

// checkForbid looks at each layer by itself: what a later one deletes is still there for
// whoever pulls the image. What the baseline has, too, was there before, and is looked at
// only if that is asked for; but that a layer deletes such a thing says that it is below.
func checkForbid(ctx context.Context, k *checking, r *Rule, out *Result) (err error) {
	f := &forbidding{checking: k, rule: r}
	f.looked = k.Image.all()
	if !r.Everywhere {
		f.looked = k.Image.unshared(k.Baseline.Image)
	}
	if f.looked, err = k.within(ctx, k.Image, r.Within, f.looked); err != nil {
		return unknown(out, err)
	}
	if f.held, err = k.Image.layers(ctx, f.looked); err != nil {
		return err
	}
	for n := range f.held {
		if err := f.look(ctx, n); err != nil {
			return err
		}
	}
	if f.number == 0 { // directories with nothing in them
		f.number, f.matches = len(f.dirs), f.dirs[:min(len(f.dirs), mostMatches)]
	}
	out.Unit = Count
	if f.number == 0 {
		return nil
	}
	out.Outcome, out.Measured, out.Matched, out.Matches = Failed, int64(f.number), f.number, f.matches
	if err := f.deleted(out.Matches); err != nil {
		return err
	}
	out.Causes = f.causes()
	out.Hint = hintForbidden(k.Image, out)
	out.More = commandWhy(k.Image.Name, out.Matches)
	return nil
}

// look looks at one layer.
func (f *forbidding) look(ctx context.Context, n int) error {
	w := walker{matcher: newMatcher(f.rule.Paths)}
	number := f.looked[n]
	var all []Match
	top := biggestFiles{limit: mostFiles}
	var bytes int64
	counted := map[uint32]bool{} // groups of names that are one file
	for e, err := range f.held[n].TOC.Entries("") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		what, err := f.what(ctx, &w, number, &e)
		if err != nil {
			return err
		}
		m, ok, err := f.match(&e, number, what)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if e.Kind == layer.Dir {
			if !e.Implied {
				f.dirs = append(f.dirs, m)
			}
			continue
		}
		if e.Group != 0 && counted[e.Group] {
			m.Bytes = 0
		}
		counted[e.Group] = true
		bytes += m.Bytes
		all = append(all, m)
		top.add(e.Path, m.Bytes)
	}
	f.number += len(all)
	f.bytes, f.files = append(f.bytes, bytes), append(f.files, top.list())
	f.matches = append(f.matches, all...)
	slices.SortStableFunc(f.matches, func(a, b Match) int { return cmp.Compare(b.Bytes, a.Bytes) })
	f.matches = f.matches[:min(len(f.matches), mostMatches)]
	return nil
}

const matchPath = "path"

// what says why an entry is forbidden; "" is that it is not.
func (f *forbidding) what(ctx context.Context, w *walker, number int, e *layer.Entry) (string, error) {
	byPath := e.Path != "" && (w.takes(e.Path) || e.Kind == layer.Absent && w.over(e.Path))
	switch {
	case byPath && f.rule.Secrets && e.Kind == layer.File:
		key, err := f.secret(ctx, number, e)
		return cmp.Or(key, matchPath), err
	case byPath:
		return matchPath, nil
	case f.rule.Setuid && e.Kind == layer.File && e.Mode&0o6000 != 0:
		return privilegeBits(e.Mode), nil
	case f.rule.Setuid && e.Kind == layer.File && hasCapabilities(e):
		return "capabilities", nil
	case f.rule.Secrets && e.Kind == layer.File:
		return f.secret(ctx, number, e)
	}
	return "", nil
}

func privilegeBits(mode uint32) string {
	if mode&0o4000 != 0 {
		return "setuid"
	}
	return "setgid"
}

func hasCapabilities(e *layer.Entry) bool {
	return slices.ContainsFunc(e.Xattrs, func(x layer.Xattr) bool { return x.Name == "security.capability" })
}

// match makes a match of an entry. A whiteout counts where what it hides is in a layer
// that is not looked at.
func (f *forbidding) match(e *layer.Entry, number int, what string) (m Match, ok bool, err error) {
	if what == "" {
		return m, false, nil
	}
	name := layer.Name(e.Path)
	m = Match{Named: &name, Kind: e.Kind.String(), Layer: number + 1, Step: short(f.Image.Layers[number].Step)}
	if what != matchPath {
		m.What = what
	}
	if e.Kind == layer.File {
		m.Bytes = e.Size
	}
	if e.Kind != layer.Absent {
		return m, true, nil
	}
	m.Kind, m.Below, m.DeletedBy = "", true, number+1
	if !f.below(number) {
		return m, false, nil
	}
	carried, err := f.carried(number, e.Path)
	return m, !carried, err
}

// below reports whether there are layers below one that are not looked at.
func (f *forbidding) below(number int) bool {
	for n := range number {
		if !slices.Contains(f.looked, n) {
			return true
		}
	}
	return false
}

// carried reports whether a layer that is looked at, below one, has the path.
func (f *forbidding) carried(number int, path string) (bool, error) {
	for n, at := range f.looked {
		if at >= number {
			break
		}
		e, err := f.held[n].TOC.Lookup(path)
		switch {
		case err == nil && e.Kind != layer.Absent:
			return true, nil
		case err != nil && !errors.Is(err, layer.ErrNotExist):
			return false, err
		}
	}
	return false, nil
}

// deleted says of matches which layers took them away again.
func (f *forbidding) deleted(matches []Match) error {
	tree := layer.Squash(tocs(f.held))
	for i := range matches {
		m := &matches[i]
		if m.Below {
			continue
		}
		versions, err := tree.History(m.Path)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if f.looked[v.Layer] == m.Layer-1 && v.HiddenBy >= 0 {
				m.DeletedBy = f.looked[v.HiddenBy] + 1
			}
		}
	}
	return nil
}

// causes are the layers that have what was found.
func (f *forbidding) causes() (all []Cause) {
	for n, number := range f.looked {
		if f.bytes[n] == 0 && len(f.files[n]) == 0 {
			continue
		}
		c := Cause{Layer: number + 1, Step: f.Image.Layers[number].Step, Bytes: f.bytes[n]}
		for _, file := range f.files[n] {
			c.Files = append(c.Files, File{file.Named, file.Change})
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b Cause) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return all[:min(len(all), mostCauses)]
}

func short(s *diff.Step) string {
	if s == nil {
		return ""
	}
	return s.Short
}

// biggestFiles keeps the largest of many files.
type biggestFiles struct {
	limit int
	files []diff.FileChange
}

func (b *biggestFiles) add(path string, bytes int64) {
	if bytes == 0 {
		return
	}
	if b.files = append(b.files, diff.FileChange{Named: layer.Name(path), Change: bytes}); len(b.files) > 1000 {
		b.list()
	}
}

func (b *biggestFiles) list() []diff.FileChange {
	slices.SortStableFunc(b.files, func(x, y diff.FileChange) int { return cmp.Compare(y.Change, x.Change) })
	b.files = b.files[:min(len(b.files), b.limit)]
	return b.files
}

package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// WhyReport is how a path of an image came to be what it is.
type WhyReport struct {
	Version string    `json:"version"`
	Image   ImageInfo `json:"image"`
	Asked   string    `json:"asked"`
	Hops    []Hop     `json:"hops,omitempty"` // the symbolic links that were followed
	// Paths are the path itself and, if it is a symbolic link, what it leads to,
	// link by link.
	Paths []PathHistory `json:"paths"`
	// Dangling is where the last link leads, if no layer ever had anything there.
	Dangling *Named `json:"dangling,omitempty"`
}

// PathHistory is what the layers did at one path.
type PathHistory struct {
	Named
	Now    *Row    `json:"now,omitempty"` // what the image has there; absent if nothing
	Events []Event `json:"events"`        // bottom first
	// Below says, of a directory, which layers put what there.
	Below []Contribution `json:"below,omitempty"`
}

// Change is what a layer did at a path.
type Change string

// The changes.
const (
	Added      Change = "added"          // nothing was there
	Linked     Change = "linked"         // added, as a hard link to a file of a lower layer
	Content    Change = "content"        // content changed, or a link's target
	Attributes Change = "attributes"     // only attributes changed: the content is carried again all the same
	Rewritten  Change = "rewritten"      // carried again, and nothing differs
	Replaced   Change = "replaced"       // by something of another kind
	Removed    Change = "removed"        // see Event.By
	Nothing    Change = "nothing"        // a whiteout of what is not there
	Dangling   Change = "dangling-link"  // a hard link that leads nowhere
	Merged     Change = "directory-kept" // the layer names the directory as it is, or only needs it as a parent
)

// Event is what one layer did at a path.
type Event struct {
	Layer   int        `json:"layer"`
	Digest  string     `json:"digest"`
	DiffID  string     `json:"diffId"`
	Step    *Step      `json:"step,omitempty"`
	Change  Change     `json:"change"`
	Changed []Changed  `json:"changed,omitempty"` // attributes that differ, in a fixed order
	By      *RemovedBy `json:"by,omitempty"`      // what hid or removed what was there
	Before  *Row       `json:"before,omitempty"`  // what the layers below show at the path
	After   *Row       `json:"after,omitempty"`   // what the layers up to this one show
	Visible bool       `json:"visible"`           // what the image shows at the path was made here: Now.Layer is Layer
}

// Changed is an attribute that differs.
type Changed struct {
	What string `json:"what"` // "kind", "size", "digest", "link", "mode", "owner", "modified", "device", "xattrs"
	From string `json:"from"`
	To   string `json:"to"`
}

// RemovedBy is the entry of a layer that hid what lower layers have at a path.
type RemovedBy struct {
	Named
	How string `json:"how"` // "whiteout", "opaque" (a mark on a directory), "replaced" (by something else)
}

// Contribution is what one layer has below a directory.
type Contribution struct {
	Layer     int   `json:"layer"`
	Files     int64 `json:"files"`     // names that the image shows
	Bytes     int64 `json:"bytes"`     // unpacked, of the contents that it shows
	Hidden    int64 `json:"hidden"`    // names that later layers hide
	Whiteouts int64 `json:"whiteouts"` // names removed here
}

// Why reports which layers made, changed, hid or removed a path. Symbolic links on
// the way are followed inside the image. If no layer ever had the path, the error
// is a *NotExistError.
func Why(ctx context.Context, in Input, path string) (*WhyReport, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	w := &why{in: &in, tree: layer.Squash(in.tocs()), steps: ReadHistory(in.Config.History, len(in.Layers))}
	r := &WhyReport{Version: WhyVersion, Image: in.info(), Asked: path, Paths: []PathHistory{}}
	next := path
	for range maxHops {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		history, at, followed, err := w.find(next)
		if isNowhere(err) && len(r.Paths) == 0 {
			history, followed, err = w.asWritten(path, followed, err)
		}
		r.Hops = append(r.Hops, hops(followed)...)
		if isNowhere(err) && len(r.Paths) > 0 {
			if errors.Is(err, layer.ErrNotExist) {
				nowhere := layer.Name(at)
				r.Dangling = &nowhere
			}
			return r, nil
		}
		if err != nil {
			return nil, in.notExist(w.tree, next, err)
		}
		r.Paths = append(r.Paths, *history)
		if history.Now == nil || history.Now.Kind != layer.Symlink.String() {
			return r, nil
		}
		r.Hops = append(r.Hops, hops([]layer.Hop{{Path: at, Target: history.Now.Link}})...)
		next = follow(at, history.Now.Link)
	}
	return r, nil
}

const maxHops = 40 // as Linux

// follow is where a link at a path leads, unresolved.
func follow(at, target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	dir, _ := cut(at)
	return join(dir, target)
}

type why struct {
	in    *Input
	tree  *layer.Tree
	steps *History
}

// find tells the history of where a path leads, and where that is.
func (w *why) find(path string) (*PathHistory, string, []layer.Hop, error) {
	at, followed, err := w.locate(path)
	if err != nil {
		return nil, at, followed, err
	}
	history, err := w.explain(at)
	return history, at, followed, err
}

// asWritten tells the history of a path without following links: one that lower
// layers have may lie behind a link of a layer above, which leads elsewhere.
func (w *why) asWritten(path string, followed []layer.Hop, nowhere error) (*PathHistory, []layer.Hop, error) {
	if slices.Contains(strings.Split(path, "/"), "..") {
		return nil, followed, nowhere
	}
	history, err := w.explain(Clean(path))
	if errors.Is(err, layer.ErrNotExist) {
		return nil, followed, nowhere
	}
	return history, nil, err
}

// isNowhere reports whether an error says that a path leads to nothing.
func isNowhere(err error) bool {
	var loop *layer.LoopError
	return errors.Is(err, layer.ErrNotExist) || errors.As(err, &loop)
}

// locate follows the links to the directory that a path lies in, as far as it
// exists, and not the one at the path itself.
func (w *why) locate(path string) (string, []layer.Hop, error) {
	parent, name := cut(strings.TrimRight(path, "/"))
	if name == "" || name == "." || name == ".." {
		node, followed, err := w.tree.Resolve(path)
		if errors.Is(err, layer.ErrNotExist) {
			return Clean(path), followed, nil
		}
		return node.Path, followed, err
	}
	node, followed, err := w.tree.Resolve(parent)
	if err == nil {
		return join(node.Path, name), followed, nil
	}
	if !errors.Is(err, layer.ErrNotExist) {
		return "", followed, err
	}
	dir, rest, err := deepest(w.tree, path)
	return join(dir, Clean(rest)), followed, err
}

// explain tells the history of a clean path.
func (w *why) explain(path string) (*PathHistory, error) {
	versions, err := w.tree.History(path)
	if err != nil {
		return nil, err
	}
	h := &PathHistory{Named: layer.Name(path), Events: []Event{}}
	now, err := w.state(len(w.in.Layers), path)
	if err != nil {
		return nil, err
	}
	if now != nil {
		row := nodeRow(*now)
		h.Now = &row
	}
	var before *layer.Node
	for _, number := range turningPoints(versions) {
		after, err := w.state(number+1, path)
		if err != nil {
			return nil, err
		}
		e, err := w.event(number, path, versions, before, after)
		if err != nil {
			return nil, err
		}
		e.Visible = now != nil && after != nil && madeBy(now) == number
		h.Events = append(h.Events, e)
		before = after
	}
	if now != nil && now.Kind == layer.Dir {
		h.Below, err = w.below(path)
	}
	return h, err
}

// turningPoints are the layers that have an entry at the path or hide one there.
func turningPoints(versions []layer.Version) []int {
	var list []int
	for _, v := range versions {
		list = append(list, v.Layer)
		if v.HiddenBy >= 0 {
			list = append(list, v.HiddenBy)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// state is what the lowest n layers show at a path; nil for nothing.
func (w *why) state(n int, path string) (*layer.Node, error) {
	node, err := layer.Squash(w.tree.Layers()[:n]).Lookup(path)
	if errors.Is(err, layer.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &node, nil
}

func (w *why) event(number int, path string, versions []layer.Version, before, after *layer.Node) (Event, error) {
	e := Event{
		Layer: number + 1, Digest: hash(w.in.Manifest.Layers[number].Digest),
		DiffID: w.in.Layers[number].TOC.DiffID().String(), Step: w.steps.Layers[number],
	}
	var own *layer.Version
	for i := range versions {
		if versions[i].Layer == number {
			own = &versions[i]
		}
	}
	if before != nil {
		row := nodeRow(*before)
		e.Before = &row
	}
	if after != nil {
		row := nodeRow(*after)
		e.After = &row
	}
	e.Change, e.Changed = classify(own, before, after)
	if before == nil || e.Change == Merged {
		return e, nil
	}
	var err error
	e.By, err = w.removedBy(number, path, versions)
	return e, err
}

// removedBy finds the entry of a layer that hides what stood at the path before.
func (w *why) removedBy(number int, path string, versions []layer.Version) (*RemovedBy, error) {
	for _, v := range versions {
		if v.HiddenBy != number || v.Kind == layer.Absent {
			continue
		}
		hider, err := w.in.Layers[number].TOC.Lookup(v.HiddenAt)
		if err != nil {
			return nil, fmt.Errorf("layer %d: looking up %q: %w", number+1, v.HiddenAt, err)
		}
		return &RemovedBy{Named: layer.Name(v.HiddenAt), How: how(hider)}, nil
	}
	return nil, nil
}

func how(hider layer.Entry) string {
	switch {
	case hider.Kind == layer.Absent:
		return "whiteout"
	case hider.Kind == layer.Dir && hider.Hides != layer.HidesNothing:
		return "opaque"
	}
	return "replaced"
}

func classify(own *layer.Version, before, after *layer.Node) (Change, []Changed) {
	switch {
	case before == nil && after == nil:
		if own != nil && own.Kind == layer.HardLink {
			return Dangling, nil
		}
		return Nothing, nil
	case after == nil:
		return Removed, nil
	case before == nil && own != nil && own.Kind == layer.HardLink:
		return Linked, nil
	case before == nil:
		return Added, nil
	}
	changed := compare(&before.Entry, &after.Entry)
	switch {
	case before.Kind != after.Kind:
		return Replaced, changed
	case before.Digest != after.Digest && after.Kind == layer.File, before.Link != after.Link, before.Size != after.Size:
		return Content, changed
	case len(changed) > 0:
		return Attributes, changed
	case after.Kind == layer.Dir:
		return Merged, nil
	}
	return Rewritten, nil
}

// compare lists the attributes in which two entries differ.
func compare(a, b *layer.Entry) []Changed {
	var out []Changed
	add := func(what, from, to string) {
		if from != to {
			out = append(out, Changed{what, from, to})
		}
	}
	add("kind", a.Kind.String(), b.Kind.String())
	if a.Kind == layer.File && b.Kind == layer.File {
		add("size", fmt.Sprint(a.Size), fmt.Sprint(b.Size))
		add("digest", a.Digest.String(), b.Digest.String())
	}
	add("link", a.Link, b.Link)
	add("mode", octal(a.Mode), octal(b.Mode))
	add("owner", fmt.Sprintf("%d:%d", a.UID, a.GID), fmt.Sprintf("%d:%d", b.UID, b.GID))
	add("modified", a.ModTime.String(), b.ModTime.String())
	add("device", fmt.Sprintf("%d:%d", a.Major, a.Minor), fmt.Sprintf("%d:%d", b.Major, b.Minor))
	for _, c := range compareXattrs(a.Xattrs, b.Xattrs) {
		add("xattrs", c.From, c.To)
	}
	return out
}

// compareXattrs lists the extended attributes that came, went, or have another
// value ("name" to "name (changed)").
func compareXattrs(a, b []layer.Xattr) []Changed {
	var out []Changed
	for len(a) > 0 || len(b) > 0 {
		switch c := firstName(a, b); {
		case c < 0:
			out = append(out, Changed{From: a[0].Name})
			a = a[1:]
		case c > 0:
			out = append(out, Changed{To: b[0].Name})
			b = b[1:]
		default:
			if a[0].Value != b[0].Value {
				out = append(out, Changed{From: a[0].Name, To: a[0].Name + " (changed)"})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

func firstName(a, b []layer.Xattr) int {
	switch {
	case len(b) == 0:
		return -1
	case len(a) == 0:
		return 1
	}
	return cmp.Compare(a[0].Name, b[0].Name)
}

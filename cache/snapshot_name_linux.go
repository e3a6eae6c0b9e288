package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"iter"
	"strings"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// stack is how the directories of an image's layers are named, and made. A layer's
// directory has the DiffID for a name where the layers below make no difference, else
// also what they change. So each is shared by all stacks in which it is the same.
type stack struct {
	plan    *plan
	tree    *layer.Tree
	kind    string
	changed []adjusted // of each layer
}

// adjusted is how a layer's directory differs from the layer alone.
type adjusted struct {
	hash  hash.Hash // nil if it does not
	count int
	first []layer.Lower // all, if they are not more than mostKept
	// borrows says that the content of a file is a lower layer's.
	borrows bool
}

// mostKept is how many adjustments of one layer are kept in memory. Where there are
// more they are looked for again whenever they are needed.
const mostKept = 10_000

func newStack(p *plan, tree *layer.Tree, kind string) (*stack, error) {
	s := &stack{plan: p, tree: tree, kind: kind, changed: make([]adjusted, len(p.parts))}
	for l, err := range tree.Adjustments() {
		if err != nil {
			return nil, p.failAt(err)
		}
		s.changed[l.Layer].add(l, p.parts[l.Carrier].diffID)
	}
	return s, nil
}

// add notes an adjustment. Content that another layer carries is named by that layer
// and its place there.
func (a *adjusted) add(l layer.Lower, carrier layer.DiffID) {
	if a.hash == nil {
		a.hash = sha256.New()
	}
	a.count++
	a.borrows = a.borrows || l.Kind == layer.File && l.Carrier != l.Layer
	if a.count <= mostKept {
		a.first = append(a.first, l)
	}
	if l.Kind == layer.Dir {
		carrier, l.Offset = layer.DiffID{}, 0
	}
	l.Layer, l.Carrier, l.Group, l.Links = 0, 0, 0, 0
	fmt.Fprintf(a.hash, "%s %#v\n", carrier.Hex, l)
}

func (a *adjusted) mark() string {
	if a.hash == nil {
		return ""
	}
	return "-" + hex.EncodeToString(a.hash.Sum(nil)[:16])
}

// of yields the adjustments of one layer.
func (s *stack) of(number int) iter.Seq2[layer.Lower, error] {
	a := &s.changed[number]
	return func(yield func(layer.Lower, error) bool) {
		if a.count <= mostKept {
			for _, l := range a.first {
				if !yield(l, nil) {
					return
				}
			}
			return
		}
		for l, err := range s.tree.Adjustments() {
			if (err != nil || l.Layer == number) && !yield(l, err) {
				return
			}
		}
	}
}

// wanted are the directories that there are to be, bottom first.
func (s *stack) wanted() ([]wantedSnapshot, error) {
	var all []wantedSnapshot
	for i, toc := range s.tree.Layers() {
		all = append(all, wantedSnapshot{
			name:  s.name(s.plan.parts[i].diffID, &s.changed[i]),
			of:    s.plan.parts[i],
			items: lowerItems(toc.Lower(i, s.of(i))),
		})
	}
	root, err := s.tree.Lookup("")
	if err != nil || root.Layer == len(all)-1 {
		return all, err
	}
	return append(all, s.root(root)), nil
}

func (s *stack) name(id layer.DiffID, a *adjusted) string {
	name := id.Hex + a.mark()
	if s.kind != "" {
		name += "-" + s.kind
	}
	return name
}

// kindOf is the kind of a snapshot, by its name: DIFFID[-MARK][-KIND].
func kindOf(name string) string {
	last := name[strings.LastIndex(name, "-")+1:]
	if isHex(last) {
		return ""
	}
	return last
}

// root is an empty directory with the root's attributes, for an image whose topmost
// layer does not say them: overlayfs takes those of the topmost directory.
func (s *stack) root(root layer.Node) wantedSnapshot {
	root.Digest, root.TimesDigest = layer.Digest{}, layer.Digest{}
	id := s.plan.parts[root.Layer].diffID
	var a adjusted
	a.add(layer.Lower{Node: root}, id)
	return wantedSnapshot{
		name:  s.name(id, &a),
		items: func(yield func(unpack.Item, error) bool) { yield(unpack.Item{Node: root}, nil) },
	}
}

func lowerItems(lowers iter.Seq2[layer.Lower, error]) unpack.Items {
	return func(yield func(unpack.Item, error) bool) {
		for l, err := range lowers {
			if !yield(unpack.Item{Node: l.Node, Opaque: l.Opaque}, err) {
				return
			}
		}
	}
}

// names are the names of an image's snapshots as they were found to be, for a stack
// whose snapshots are all there.
func (s *Store) namesOf(p *plan, kind string, compute func() ([]wantedSnapshot, error)) ([]string, error) {
	data, err := s.Memo(p.snapshotsKey(kind), func() ([]byte, error) {
		wanted, err := compute()
		if err != nil {
			return nil, err
		}
		names := make([]string, len(wanted))
		for i, w := range wanted {
			names[i] = w.name
		}
		return json.Marshal(names)
	})
	if err != nil {
		return nil, err
	}
	var names []string
	return names, json.Unmarshal(data, &names)
}

func (p *plan) snapshotsKey(kind string) string {
	ids := make([]layer.DiffID, len(p.parts))
	for i, part := range p.parts {
		ids[i] = part.diffID
	}
	return fmt.Sprintf("snapshots-2-%s-%s", layer.Chain(ids), kind)
}

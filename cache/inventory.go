package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/unpack"
)

// Kind is what a file of the store is for.
type Kind string

// The kinds of what images need, and of the rest.
const (
	KindBlobs      Kind = "blobs"       // layers, manifests and configs
	KindSnapshots  Kind = "snapshots"   // unpacked layers
	KindTOCs       Kind = "tocs"        // tables of contents
	KindExtents    Kind = "extents"     // where entries lie in blobs
	KindKept       Kind = "kept"        // small files of layers that later questions ask for
	KindMemos      Kind = "memos"       // answers that need not be computed again
	KindPartials   Kind = "partials"    // downloads that were not finished
	KindQuarantine Kind = "quarantine"  // what Verify has put aside
	KindTrash      Kind = "trash"       // what is being removed
	KindScratch    Kind = "scratch"     // temporary files of processes at work, or dead
	KindNames      Kind = "names"       // index.json, and what says that this is a store
	KindControl    Kind = "control"     // locks, leases, records of mounts and uses
	KindDirs       Kind = "directories" // the store's own
	KindOther      Kind = "other"       // what no store has
)

// Kinds are all of them, in the order in which people want to know them.
var Kinds = []Kind{KindBlobs, KindSnapshots, KindTOCs, KindExtents, KindKept, KindMemos, KindPartials,
	KindQuarantine, KindTrash, KindScratch, KindNames, KindControl, KindDirs, KindOther}

// Item is a file of the store, or a directory that comes and goes as a whole.
type Item struct {
	Kind   Kind
	Path   string // in the store
	Weight unpack.Weight
	// Swept says that Prune removes it if nobody needs it.
	Swept bool
}

// Holder is who needs items.
type Holder struct {
	// Images are the names that go together: all of one image, or of what another
	// program keeps as one image index. There is none if a running command or a mount is
	// the holder.
	Images []Stored
	Digest v1.Hash   // of the manifest, or of the image index
	Used   time.Time // when it was used last, or pulled; the zero time if it is not known
	// Other says that it is no image that Remove takes away: what another program keeps
	// here, or an image index of which nothing can be read.
	Other bool
	Items []int // in the order of Inventory.Items
}

// Inventory is all that is on a store's disk, and who needs it. The items' weights add
// up to what du counts.
type Inventory struct {
	Dir     string // the store's
	Items   []Item
	Holders []Holder // in the order of their names; a last one may be running commands
	// Closed are the items into which this user cannot look, such as what belongs to
	// subordinate ids that he no longer has: of those, not all is weighed.
	Closed []string
}

// Inventory looks at every file of the store, but into no snapshot whose weight was
// noted. Other processes may be at work: what goes meanwhile is not in it.
func (s *Store) Inventory(ctx context.Context) (*Inventory, error) {
	held, err := s.holders(ctx)
	if err != nil {
		return nil, err
	}
	t := &taking{store: s, ctx: ctx, inventory: &Inventory{Dir: s.dir},
		blobs: map[string][]int{}, diffs: map[string][]int{}, partials: map[string][]int{}}
	if err := t.dir("."); err != nil {
		return nil, err
	}
	for _, h := range held {
		h.Items = t.itemsOf(h.needs)
		if h.Images == nil {
			h.Items = slices.Sorted(slices.Values(append(h.Items, t.partialsOf(h.needs)...)))
		}
		t.inventory.Holders = append(t.inventory.Holders, h.Holder)
	}
	return t.inventory, nil
}

type heldBy struct {
	Holder
	needs needs
}

// holders finds who needs what. Leases can be told from those of dead processes only
// while nobody makes one; in a store that can only be read there is no telling.
func (s *Store) holders(ctx context.Context) ([]heldBy, error) {
	leases, unlock, err := s.surveyed(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	running := leases.needs
	n, err := s.readNames()
	if err != nil {
		return nil, err
	}
	held := s.heldByNames(n)
	if len(running.Blobs)+len(running.Diffs) > 0 {
		held = append(held, heldBy{needs: running})
	}
	return held, nil
}

func (s *Store) heldByNames(n *names) (held []heldBy) {
	of := map[v1.Hash]int{}
	for _, e := range n.entries {
		if e.digest == (v1.Hash{}) {
			continue
		}
		i, known := of[e.digest]
		if !known {
			i = len(held)
			of[e.digest] = i
			held = append(held, heldBy{Holder: Holder{Digest: e.digest}, needs: s.markRemoved(e)})
		}
		h := &held[i]
		images := s.imagesOf(e)
		for _, st := range images {
			if used := s.lastUse(st); used.After(h.Used) {
				h.Used = used
			}
		}
		if len(images) == 0 {
			h.Other = true
			images = []Stored{{Name: e.name, Digest: e.digest, Pulled: e.pulled, Origin: e.origin}}
		}
		h.Images = append(h.Images, images...)
	}
	return held
}

// taking is the making of an inventory.
type taking struct {
	store     *Store
	ctx       context.Context
	inventory *Inventory
	blobs     map[string][]int // items, by the hex digits of digests
	diffs     map[string][]int // and of DiffIDs
	partials  map[string][]int // downloads that are not finished, which no image needs
}

// partialsOf are the downloads that somebody is at work on.
func (t *taking) partialsOf(n needs) (items []int) {
	for hex := range n.Blobs {
		items = append(items, t.partials[hex]...)
	}
	return items
}

func (t *taking) itemsOf(n needs) (items []int) {
	for hex := range n.Blobs {
		items = append(items, t.blobs[hex]...)
	}
	for hex := range n.Diffs {
		items = append(items, t.diffs[hex]...)
	}
	slices.Sort(items)
	return items
}

// section is a directory of items.
type section struct {
	kind  Kind
	swept bool
	// by are the holders' keys to an item, by the digits that its name begins with; nil if it has none.
	by map[string][]int
}

func (t *taking) sections() map[string]section {
	return map[string]section{
		blobDir:       {KindBlobs, true, t.blobs},
		extentsDir:    {KindExtents, true, t.blobs},
		tocDir:        {KindTOCs, true, t.diffs},
		keptDir:       {KindKept, true, t.diffs},
		snapshotDir:   {KindSnapshots, true, t.diffs},
		memoDir:       {KindMemos, true, nil},
		ingestDir:     {KindPartials, true, t.partials},
		usedDir:       {KindControl, false, nil},
		leaseDir:      {KindControl, false, nil},
		lockDir:       {KindControl, false, nil},
		mountDir:      {KindControl, false, nil},
		scratchDir:    {KindScratch, false, nil},
		quarantineDir: {KindQuarantine, false, nil},
		trashDir:      {KindTrash, false, nil},
	}
}

// dir takes a directory that is the store's own, with all that is in it.
func (t *taking) dir(dir string) error {
	fi, err := os.Lstat(t.store.path(dir))
	if err != nil {
		return ignoreGone(err)
	}
	t.add(Item{Kind: KindDirs, Path: dir, Weight: unpack.WeightOf(fi)})
	found, err := os.ReadDir(t.store.path(dir))
	if err != nil {
		return ignoreGone(err)
	}
	sections := t.sections()
	at, isSection := sections[dir]
	for _, e := range found {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, e.Name())
		switch {
		case isSection:
			err = t.item(name, at)
		case e.IsDir() && leadsTo(sections, name):
			err = t.dir(name)
		default:
			err = t.item(name, section{kind: kindOfFile(name)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func leadsTo(sections map[string]section, dir string) bool {
	for section := range sections {
		if section == dir || strings.HasPrefix(section, dir+"/") {
			return true
		}
	}
	return false
}

// kindOfFile is the kind of what lies in no section.
func kindOfFile(name string) Kind {
	if name == layoutFile || name == indexFile || name == versionFile {
		return KindNames
	}
	return KindOther
}

func (t *taking) item(name string, at section) error {
	weigh := unpack.Weigh
	if at.kind == KindSnapshots {
		weigh = weighSnapshot
	}
	weight, err := weigh(t.store.path(name))
	if isA[*unpack.ForeignError](err) || errors.Is(err, fs.ErrPermission) {
		t.inventory.Closed = append(t.inventory.Closed, name)
		weight, err = t.outside(name)
	}
	if err != nil {
		return ignoreGone(err)
	}
	hex, _, _ := strings.Cut(path.Base(name), "-")
	i := t.add(Item{Kind: at.kind, Path: name, Weight: weight, Swept: at.swept && isHex64(hex)})
	if at.by != nil && isHex64(hex) {
		at.by[hex] = append(at.by[hex], i)
	}
	return nil
}

// outside is the weight of a file or a directory by itself.
func (t *taking) outside(name string) (unpack.Weight, error) {
	fi, err := os.Lstat(t.store.path(name))
	if err != nil {
		return unpack.Weight{}, err
	}
	return unpack.WeightOf(fi), nil
}

func (t *taking) add(i Item) int {
	t.inventory.Items = append(t.inventory.Items, i)
	return len(t.inventory.Items) - 1
}

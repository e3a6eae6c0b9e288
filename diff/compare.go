package diff

import (
	"cmp"
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options guides Compare. The zero value works.
type Options struct {
	Files FilesOptions
	// Filter chooses which files are told of; the others count as ignored. Layers and
	// causes are always whole.
	Filter Filter
	// Biggest is how many files the report names at most, those that changed most; 0 is 10.
	Biggest int
	// ShowEnv has the values of variables told that look like secrets.
	ShowEnv bool
}

// Compare says what changed from one image to another. It reads their tables of contents
// and nothing else, and passes over directories and layers that are the same.
func Compare(ctx context.Context, old, new *Image, o Options) (*Report, error) {
	c := &comparison{old: old, new: new, o: o}
	r := &Report{
		Version: ReportVersion, Old: old.side(), New: new.side(),
		Unpacked: amount(old.unpacked(), new.unpacked()), Config: c.config(),
	}
	if old.blobs() && new.blobs() {
		content := amount(sumOf(old.counted()), sumOf(new.counted()))
		r.Content = &content
		if !old.Single {
			fetch := c.fetch()
			r.Fetch = &fetch
		}
	}
	var err error
	if r.Packages, err = c.packageChanges(ctx); err != nil {
		return nil, err
	}
	if r.Layers, r.Causes, err = c.layerPairs(ctx); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.files(ctx, r); err != nil {
		return nil, err
	}
	r.Files.Hidden = r.Unpacked.Change - r.Files.Change
	return r, nil
}

// comparison is what Compare works on.
type comparison struct {
	old, new *Image
	o        Options
	owned    ownership
	biggest  int // how many files of each pair of layers are named
}

// fetch is the compressed bytes of the new blobs that the old image has not.
func (c *comparison) fetch() (sum int64) {
	has := map[v1.Hash]bool{}
	for _, l := range c.old.Layers {
		has[l.Digest] = true
	}
	for n, size := range c.new.counted() {
		if !has[c.new.Layers[n].Digest] {
			sum += size
		}
	}
	return sum
}

// files sums the paths that differ up, and names the biggest.
func (c *comparison) files(ctx context.Context, r *Report) error {
	biggest := ranking{by: ByChange, limit: cmp.Or(c.o.Biggest, 10)}
	for change, err := range c.changes(c.o.Files) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		taken := c.o.Filter.Takes(&change)
		r.Files.add(&change, taken)
		if taken && change.notDir() && change.NewBytes != change.OldBytes {
			biggest.add(c.row(&change))
		}
	}
	biggest.cut()
	r.Biggest = append([]Row{}, biggest.rows...)
	return nil
}

func (s *FileSums) add(c *Change, taken bool) {
	of := &s.Ignored
	if taken {
		of = map[Kind]*Sum{Added: &s.Added, Deleted: &s.Deleted, Modified: &s.Modified, Replaced: &s.Replaced}[c.Kind]
	}
	if c.notDir() {
		of.Files++
	} else {
		of.Dirs++
	}
	of.Old += c.OldBytes
	of.New += c.NewBytes
	s.Change += c.NewBytes - c.OldBytes
}

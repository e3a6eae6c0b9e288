package layer

// Limits bound what a layer may make of this host. A zero field means its
// default, a negative one no limit.
//
// The defaults of Entries, Path and Names are more than image builders and
// container runtimes get along with, and so low that reading a layer which was
// made to fill the host's memory takes no more than about 150 MB.
type Limits struct {
	// Entries in the tar, and names in the layer's tree, directories that entries
	// only imply included. Default 1,400,000.
	Entries int64
	// Unpacked bytes: of the uncompressed tar. Default 1 TiB.
	Unpacked int64
	// Ratio of uncompressed bytes to compressed ones, counted from 1 GiB on. Default 200.
	Ratio int64
	// Path bytes: of a name or of a link's target. It bounds the depth of the tree
	// too, since a directory takes two bytes at least. Default 4096, Linux's
	// PATH_MAX: no path of more is ever opened, and no runtime unpacks one.
	Path int64
	// Names is the bytes of all names of the layer's tree, a directory's counted
	// once, and of targets that hard links to hard links take over. Default 40 MiB.
	Names int64
	// Memory bytes, about: of the layer's tree while it is read, and of the window of
	// its decoder. A zstd stream may ask for a window of 128 MiB. Default 160 MiB.
	Memory int64
	// Xattrs bytes: of one entry's PAX records, extended attributes included.
	// Default 1 MiB.
	Xattrs int64
}

const ratioFloor = 1 << 30

// WithDefaults returns the limits with every zero field set to its default and
// every negative one to the largest number.
func (l Limits) WithDefaults() Limits {
	set := func(p *int64, def int64) {
		if *p == 0 {
			*p = def
		}
		if *p < 0 {
			*p = 1<<63 - 1
		}
	}
	set(&l.Entries, 1_400_000)
	set(&l.Unpacked, 1<<40)
	set(&l.Ratio, 200)
	set(&l.Path, 4<<10)
	set(&l.Names, 40<<20)
	set(&l.Memory, 160<<20)
	set(&l.Xattrs, 1<<20)
	return l
}

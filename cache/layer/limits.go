package layer

// Limits bound what a layer may make of this host. A zero field means its
// default, a negative one no limit.
type Limits struct {
	Entries  int64 // entries in the tar; default 20,000,000
	Unpacked int64 // bytes of the uncompressed tar; default 1 TiB
	Ratio    int64 // uncompressed bytes per compressed byte, counted from 1 GiB on; default 200
	Path     int64 // bytes of a name or of a link's target; default 64 KiB
	Xattrs   int64 // bytes of one entry's PAX records, extended attributes included; default 1 MiB
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
	set(&l.Entries, 20_000_000)
	set(&l.Unpacked, 1<<40)
	set(&l.Ratio, 200)
	set(&l.Path, 64<<10)
	set(&l.Xattrs, 1<<20)
	return l
}

package layer

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Fingerprint stands for what a layer puts into a root and hides of lower layers. It is
// comparable.
type Fingerprint struct {
	// Content covers everything but time stamps, the order of the tar and how it is
	// written: layers of one Content are the same files, links, directories and whiteouts
	// with the same attributes.
	Content Digest
	// Times covers the time stamps.
	Times Digest
}

// Fingerprint needs one look at the root, whose digests cover what is below.
func (t *TOC) Fingerprint() (f Fingerprint, err error) {
	root, err := t.Lookup("")
	if errors.Is(err, ErrNotExist) { // of a layer that holds nothing
		root = Entry{Kind: Dir, Mode: 0o755, Implied: true}
	} else if err != nil {
		return f, err
	}
	content, times := sha256.New(), sha256.New()
	fmt.Fprintf(content, "%x %d %o %d %d", root.Digest, root.Hides, root.Mode, root.UID, root.GID)
	for _, x := range root.Xattrs {
		fmt.Fprintf(content, " %q=%q", x.Name, x.Value)
	}
	fmt.Fprintf(times, "%x %d %d", root.TimesDigest, root.ModTime.Sec, root.ModTime.Nsec)
	content.Sum(f.Content[:0])
	times.Sum(f.Times[:0])
	return f, nil
}

// OtherTimes counts the names that have another time stamp in the other layer, of two
// layers of one Fingerprint.Content.
func OtherTimes(a, b *TOC) (n int64, err error) {
	for pair, err := range Join(Squash([]*TOC{a}), Squash([]*TOC{b}), JoinOptions{Times: true}) {
		if err != nil {
			return 0, err
		}
		if pair.Old != nil && pair.New != nil && pair.Old.ModTime != pair.New.ModTime {
			n++
		}
	}
	return n, nil
}

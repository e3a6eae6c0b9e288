package inspect

import (
	"fmt"

	"github.com/layers/layers/cache/layer"
)

// Row is one name in an image or in a layer, with its attributes.
type Row struct {
	Named
	Kind       string   `json:"kind"` // "dir", "file", "symlink", "hardlink", "char", "block", "fifo", "absent"
	Mode       string   `json:"mode"` // octal: "0755", "4755"
	UID        uint32   `json:"uid"`
	GID        uint32   `json:"gid"`
	Size       *int64   `json:"size,omitempty"` // of regular files
	Modified   string   `json:"modified"`       // RFC 3339; "@" and seconds for years of more than four digits
	Link       string   `json:"link,omitempty"` // the target of a symbolic or hard link, as the layer has it
	LinkBase64 string   `json:"linkBase64,omitempty"`
	Names      uint32   `json:"names,omitempty"` // how many names the file has in its layer, if more than one
	Major      *uint32  `json:"major,omitempty"` // of devices
	Minor      *uint32  `json:"minor,omitempty"`
	Xattrs     []string `json:"xattrs,omitempty"` // names, sorted
	Digest     string   `json:"digest,omitempty"` // of a regular file's content
	// Layer is the layer that made the name; of a directory, the one whose attributes
	// are shown, which is a lower one where the layers above only need it as a parent;
	// if no layer names it, the topmost that needs it.
	Layer int `json:"layer"`
	// Hides says what a layer's entry hides of lower layers besides what it
	// replaces: "all" (a whiteout) or "children" (an opaque mark). Of squashed
	// images it is absent.
	Hides   string `json:"hides,omitempty"`
	Implied bool   `json:"implied,omitempty"` // a directory that the layer needs and does not name
}

func newRow(e *layer.Entry, number int) Row {
	r := Row{
		Named: layer.Name(e.Path), Kind: e.Kind.String(), Mode: octal(e.Mode), UID: e.UID, GID: e.GID,
		Modified: e.ModTime.String(), Link: e.Link, LinkBase64: layer.ExactBase64(e.Link), Layer: number, Implied: e.Implied,
	}
	switch e.Kind {
	case layer.File:
		r.Size = &e.Size
		r.Digest = e.Digest.String()
	case layer.Char, layer.Block:
		r.Major, r.Minor = &e.Major, &e.Minor
	}
	if e.Links > 1 {
		r.Names = e.Links
	}
	for _, x := range e.Xattrs {
		r.Xattrs = append(r.Xattrs, x.Name)
	}
	return r
}

func nodeRow(n layer.Node) Row { return newRow(&n.Entry, madeBy(&n)+1) }

// madeBy is Row.Layer of a node, from 0.
func madeBy(n *layer.Node) int {
	if n.Kind == layer.Dir {
		return n.Carrier
	}
	return n.Layer
}

// entryRow is a row about one layer's entry, with what it hides.
func entryRow(e layer.Entry, number int) Row {
	r := newRow(&e, number)
	r.Hides = hidesName(e.Hides)
	return r
}

func hidesName(h layer.Hides) string {
	switch h {
	case layer.HidesAll:
		return "all"
	case layer.HidesChildren:
		return "children"
	}
	return ""
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }

// Hop is a symbolic link that was followed inside the image.
type Hop struct {
	Named
	Target       string `json:"target"`
	TargetBase64 string `json:"targetBase64,omitempty"`
}

func hops(list []layer.Hop) []Hop {
	var out []Hop
	for _, h := range list {
		out = append(out, Hop{Named: layer.Name(h.Path), Target: h.Target, TargetBase64: layer.ExactBase64(h.Target)})
	}
	return out
}

//go:build linux

package unpack

import (
	"cmp"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// plan says where each regular file of the layers goes. It is made from sorted
// items and asked by the offset in the layer's tar, in the order of the tar; a
// million files take some tens of megabytes.
type plan struct {
	dirs   []dirNode
	files  map[int][]file // by carrier
	copies []shared
	same   map[layer.Digest]file // the first of each content; nil if that is not asked
	names  []byte
	xattrs [][]layer.Xattr
}

// shared is a file that has the content of another and is not the same file.
type shared struct{ from, to file }

// dirNode is a directory that was made.
type dirNode struct {
	parent uint32 // its own number for the root
	name   name
}

// name is a part of plan.names.
type name struct {
	start uint32
	size  uint16
}

// file is a regular file whose content comes from a layer.
type file struct {
	offset   int64
	sec      int64
	size     int64
	nsec     int32
	dir      uint32
	uid, gid uint32
	xattrs   uint32 // in plan.xattrs; 0 is none
	name     name
	mode     uint16
	done     bool
}

func newPlan() *plan {
	return &plan{files: map[int][]file{}, xattrs: [][]layer.Xattr{nil}}
}

func (p *plan) addName(s string) name {
	n := name{start: uint32(len(p.names)), size: uint16(len(s))}
	p.names = append(p.names, s...)
	return n
}

func (p *plan) name(n name) string { return string(p.names[n.start : n.start+uint32(n.size)]) }

func (p *plan) addDir(parent uint32, base string) uint32 {
	p.dirs = append(p.dirs, dirNode{parent: parent, name: p.addName(base)})
	return uint32(len(p.dirs) - 1)
}

func (p *plan) newFile(dir uint32, base string, n *layer.Node) file {
	f := file{
		offset: n.Offset, size: n.Size, sec: n.ModTime.Sec, nsec: n.ModTime.Nsec,
		dir: dir, uid: n.UID, gid: n.GID, mode: uint16(n.Mode), name: p.addName(base),
	}
	if len(n.Xattrs) > 0 {
		f.xattrs = uint32(len(p.xattrs))
		p.xattrs = append(p.xattrs, n.Xattrs)
	}
	return f
}

// sort puts the files in the order in which the tars have them. Of files with the
// same content in a tar only the first is written from it.
func (p *plan) sort() {
	for carrier, files := range p.files {
		slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(a.offset, b.offset) })
		last := 0
		for _, f := range files[1:] {
			if f.offset == files[last].offset {
				p.copies = append(p.copies, shared{from: files[last], to: f})
				continue
			}
			last++
			files[last] = f
		}
		p.files[carrier] = files[:last+1]
	}
}

// path returns a file's path in the image, for messages.
func (p *plan) path(dir uint32, base string) string {
	for dir != 0 {
		d := p.dirs[dir]
		base = p.name(d.name) + "/" + base
		dir = d.parent
	}
	return base
}

package packages

import (
	"strings"

	"github.com/layers/layers/cache/layer"
)

// measure goes through what the image shows, and gives each file to its owner. On the
// way it finds the packages of npm, which own what lies in their directories, and
// programs and archives, which own themselves.
func (f *finding) measure() error {
	m := measuring{finding: f, seen: make(map[fileID]counted), mine: make(map[ownedID]bool), self: make(map[fileID]int32)}
	m.open = append(m.open, frame{owner: nobody})
	err := f.each(func(s *shown) error {
		if err := m.leave(s.path); err != nil {
			return err
		}
		if s.kind == layer.Dir {
			m.enter(s.path)
			return nil
		}
		return m.file(s)
	})
	if err != nil {
		return err
	}
	if err := m.leave(""); err != nil {
		return err
	}
	return m.close()
}

const nobody = -1

// measuring is that way.
type measuring struct {
	*finding
	open []frame            // the directories around the current path that files may be owned by, the root first
	seen map[fileID]counted // files of several names
	self map[fileID]int32   // those of them that are packages
	mine map[ownedID]bool   // files of several names, and packages whose bytes they are in
}

// frame is a directory whose owner is known or may turn up.
type frame struct {
	path  string
	owner int32
	node  string  // the name, of a directory that may be a package of npm
	about *record // its package.json
	files []shown // whose owner is not known yet, if they are to be told apart
	sum   Sum     // the others
}

// fileID is a file of several names.
type fileID struct {
	layer, carrier int32
	offset         int64
}

type ownedID struct {
	fileID
	owner int32
}

// counted says where a file's bytes are counted.
type counted struct{ owned, unowned bool }

func (s *shown) id() fileID { return fileID{s.layer, s.carrier, s.offset} }

func (m *measuring) enter(path string) {
	if i, ok := m.dirs[path]; ok {
		m.open = append(m.open, frame{path: path, owner: i})
	} else if name, ok := nodePackage(path); ok {
		m.open = append(m.open, frame{path: path, owner: nobody, node: name})
	}
}

// leave closes the directories that a path is not in.
func (m *measuring) leave(path string) error {
	for len(m.open) > 1 {
		top := m.open[len(m.open)-1].path
		if len(path) > len(top) && path[len(top)] == '/' && strings.HasPrefix(path, top) {
			return nil
		}
		if err := m.close(); err != nil {
			return err
		}
	}
	return nil
}

// file gives a file to its owner, or to the frame until that is known.
func (m *measuring) file(s *shown) error {
	top := &m.open[len(m.open)-1]
	if i, ok := m.owners[s.path]; ok {
		m.give(s, i)
		return nil
	}
	if top.owner != nobody {
		m.give(s, top.owner)
		return nil
	}
	if top.node != "" && s.kind == layer.File && s.path == top.path+"/package.json" {
		about := s.record
		top.about = &about
	}
	if len(m.open) == 1 {
		return m.alone(s)
	}
	if !s.several && !s.tells && m.owns == nil {
		top.sum.Files++
		top.sum.Bytes += s.size
		return nil
	}
	top.files = append(top.files, *s)
	return nil
}

// close ends the innermost frame. Where it is no package, its files are those of the
// frame around it, and at the root nobody's.
func (m *measuring) close() error {
	top := m.open[len(m.open)-1]
	m.open = m.open[:len(m.open)-1]
	if top.about != nil {
		if err := m.npm(&top); err != nil {
			return err
		}
	}
	if top.owner != nobody {
		m.packages[top.owner].Files += top.sum.Files
		m.packages[top.owner].Bytes += top.sum.Bytes
		m.set.Owned.add(top.sum)
		for i := range top.files {
			m.give(&top.files[i], top.owner)
		}
		return nil
	}
	return m.pass(&top)
}

// npm makes a package of a directory with a package.json.
func (m *measuring) npm(at *frame) error {
	content, ok, err := m.content(at.about)
	if err != nil {
		return err
	}
	p := Package{Kind: NPM, Name: at.node}
	if ok {
		if p, ok = parsePackageJSON(content, at.node); !ok {
			m.note(at.about.path, "it is no JSON")
			return nil
		}
	}
	p.Path, p.Layer = at.path, int(at.about.layer)+1
	at.owner = m.add(p)
	return nil
}

// pass hands what is in a frame that is no package to the one around it.
func (m *measuring) pass(at *frame) error {
	if len(m.open) > 1 {
		around := &m.open[len(m.open)-1]
		around.sum.add(at.sum)
		around.files = append(around.files, at.files...)
		return nil
	}
	m.set.Unowned.add(at.sum)
	for i := range at.files {
		if err := m.alone(&at.files[i]); err != nil {
			return err
		}
	}
	return nil
}

// alone is for a file that no package owns, unless it is one itself.
func (m *measuring) alone(s *shown) error {
	owner := int32(nobody)
	if s.tells {
		known, ok := m.self[s.id()]
		if !ok || !s.several {
			p, ok, err := m.tells(&s.record)
			if err != nil {
				return err
			}
			if ok {
				known = m.add(p)
			} else {
				known = nobody
			}
			if s.several {
				m.self[s.id()] = known
			}
		}
		owner = known
	}
	m.give(s, owner)
	return nil
}

// give counts a name for its owner: its bytes once for each owner, and once in all.
func (m *measuring) give(s *shown, owner int32) {
	id := s.id()
	total := Sum{1, s.size}
	if owner == nobody {
		if s.several {
			c := m.seen[id]
			if c.owned || c.unowned {
				total.Bytes = 0
			} else {
				m.seen[id] = counted{unowned: true}
			}
		}
		m.set.Unowned.add(total)
		return
	}
	p := &m.packages[owner]
	if m.owns != nil && m.wanted(owner) {
		m.owns(p, s.path)
	}
	own := total
	if s.several {
		if m.mine[ownedID{id, owner}] {
			own.Bytes = 0
		}
		m.mine[ownedID{id, owner}] = true
		c := m.seen[id]
		if c.owned {
			total.Bytes = 0
		}
		if c.unowned {
			m.set.Unowned.Bytes -= s.size
		}
		m.seen[id] = counted{owned: true}
	}
	p.Files += own.Files
	p.Bytes += own.Bytes
	m.set.Owned.add(total)
}

func (s *Sum) add(o Sum) {
	s.Files += o.Files
	s.Bytes += o.Bytes
}

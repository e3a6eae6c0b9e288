package cgroup

import (
	"path"
	"strings"
)

// Effective are the limits that hold for what runs in a group, or, if it is nil, for
// what this process starts: those of the group itself and of all groups above it that
// can be seen from here, as the kernel has them now.
func Effective(g *Group) (Limits, error) {
	all, err := hierarchies()
	if err != nil {
		return Limits{}, err
	}
	var l Limits
	for _, c := range controllers {
		h := with(all, c)
		if h == nil {
			continue
		}
		dir := h.dir()
		if g != nil && g.of(c) != nil {
			dir = g.of(c).path
		}
		l = l.least(h.limit(c, dir))
	}
	return l, nil
}

// limit is what a controller holds a group to, with all above it.
func (h *hierarchy) limit(controller, dir string) (l Limits) {
	for ; strings.HasPrefix(dir+"/", h.mount+"/"); dir = path.Dir(dir) {
		d := &directory{path: dir, unified: h.unified}
		l = l.least(d.limit(controller))
	}
	return l
}

package packages

import (
	"path"
	"strings"
)

// links are the symbolic links of an image. Lists of files say paths as they were when
// the package was made: where a directory has become a link, as /lib to /usr/lib, the
// file is where the link leads.
type links struct {
	targets map[string]string
	dirs    map[string]place // the directories that were asked for
	bytes   int
	last    string // the directory that was resolved last: lists go by directories
	lastAt  place
}

// place is where a directory is; not ok if its links lead nowhere.
type place struct {
	path string
	ok   bool
}

const (
	maxHops   = 40      // as Linux
	maxTarget = 4 << 10 // bytes, as Linux
)

// add reports whether there was room for a link.
func (l *links) add(path, target string) bool {
	if l.targets == nil {
		l.targets = make(map[string]string)
	}
	if len(l.targets) >= maxLinks {
		return false
	}
	l.targets[path] = target
	return true
}

// resolve gives the place of a clean path, whose last component is not followed.
func (l *links) resolve(path string) (string, bool) {
	dir, name := splitPath(path)
	at := l.lastAt
	if dir != l.last || !at.ok {
		at = l.dir(dir, maxHops)
		l.last, l.lastAt = dir, at
	}
	if !at.ok || at.path == dir {
		return path, at.ok
	}
	return joinPath(at.path, name), true
}

// dir gives the place of a directory, over so many links at most.
func (l *links) dir(dir string, hops int) place {
	if dir == "" || len(l.targets) == 0 {
		return place{dir, true}
	}
	if at, ok := l.dirs[dir]; ok {
		return at
	}
	if l.bytes > maxPathBytes {
		return place{}
	}
	at := l.find(dir, hops)
	if l.dirs == nil {
		l.dirs = make(map[string]place)
	}
	l.dirs[dir] = at
	l.bytes += 64 + len(at.path)
	return at
}

func (l *links) find(dir string, hops int) place {
	parent, name := splitPath(dir)
	at := l.dir(parent, hops)
	if !at.ok {
		return at
	}
	if at.path == parent {
		at.path = dir
	} else {
		at.path = joinPath(at.path, name)
	}
	target, link := l.targets[at.path]
	if !link {
		return at
	}
	if hops == 0 || len(target) > maxTarget {
		return place{}
	}
	if !strings.HasPrefix(target, "/") {
		parent, _ := splitPath(at.path)
		target = parent + "/" + target
	}
	// A ".." behind another link is taken by its letters.
	return l.dir(cleanPath(path.Clean("/"+target)), hops-1)
}

// cleanPath makes a path as written in a list a clean one, inside the root.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.Contains(p, "//") || strings.Contains(p, "/.") {
		p = path.Clean("/" + p)
	}
	return p[1:]
}

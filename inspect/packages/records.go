package packages

import (
	"fmt"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// records are the files that tell of packages, but for those in the packages' own
// directories, in the order of the walk.
type records struct {
	count     int
	debStatus []record          // one or none
	debDir    []record          // status.d: paragraphs of one package each
	debLists  map[string]record // of Debian packages, by the list's name
	apks      []record          // databases of Alpine
	rpms      []record
	rpmLogs   map[string]bool   // databases with a log beside them
	pythons   []record          // METADATA, PKG-INFO, files of egg-info
	lists     map[string]record // of Python packages, by their directory: RECORD, installed-files.txt
}

// record is a file that tells of packages.
type record struct {
	path           string
	kind           layer.Kind
	layer, carrier int32
	offset         int64
}

const (
	debInfo      = "var/lib/dpkg/info"
	debStatusDir = "var/lib/dpkg/status.d"
)

// rpmPaths are where the databases of rpm are.
var rpmPaths = map[string]bool{
	"var/lib/rpm/rpmdb.sqlite": true, "var/lib/rpm/Packages": true, "var/lib/rpm/Packages.db": true,
	"usr/lib/sysimage/rpm/rpmdb.sqlite": true, "usr/lib/sysimage/rpm/Packages": true, "usr/lib/sysimage/rpm/Packages.db": true,
	"usr/share/rpm/rpmdb.sqlite": true,
}

// scan finds the records, and the symbolic links that paths in them may lead through.
func (f *finding) scan() error {
	f.records = records{debLists: make(map[string]record), rpmLogs: make(map[string]bool), lists: make(map[string]record)}
	for n, err := range f.tree.Walk("") {
		if err == nil {
			err = f.ctx.Err()
		}
		if err != nil {
			return err
		}
		if n.Kind == layer.Symlink && !f.links.add(n.Path, n.Link) {
			f.noteFull(fmt.Sprintf("there are more than %d symbolic links", maxLinks))
		}
		s := shownOf(&n)
		if n.Kind != layer.Dir && !f.records.add(&s) {
			f.noteFull(fmt.Sprintf("more than %d files tell of packages", maxRecords))
		}
		if f.count++; f.count <= maxShown {
			f.shown = append(f.shown, s)
		} else {
			f.shown = nil
		}
	}
	return nil
}

// each calls do with all that the image shows, which is walked again where it is too
// much to be remembered.
func (f *finding) each(do func(s *shown) error) error {
	for i := range f.shown {
		if err := do(&f.shown[i]); err != nil {
			return err
		}
	}
	if f.count <= maxShown {
		return nil
	}
	for n, err := range f.tree.Walk("") {
		if err == nil {
			err = f.ctx.Err()
		}
		if err != nil {
			return err
		}
		s := shownOf(&n)
		if err := do(&s); err != nil {
			return err
		}
	}
	return nil
}

// shown is a name that the image shows.
type shown struct {
	record
	size    int64
	several bool // its file has several names
	tells   bool // it may tell of itself
}

func shownOf(n *layer.Node) shown {
	s := shown{
		record:  record{path: n.Path, kind: n.Kind, layer: int32(n.Layer), carrier: int32(n.Carrier), offset: n.Offset},
		several: n.Links > 1 || n.Layer != n.Carrier,
		tells:   mayTell(n),
	}
	if n.Kind == layer.File {
		s.size = n.Size
	}
	return s
}

// add sorts a file in, if it tells of packages. It returns false if there are too many.
func (r *records) add(s *shown) bool {
	dir, name := splitPath(s.path)
	add := func(to *[]record) { *to = append(*to, s.record) }
	if r.count >= maxRecords {
		return false
	}
	r.count++
	switch {
	case (dir == debInfo || dir == debStatusDir) && (strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".md5sums")):
		r.debLists[name] = s.record
	case dir == debStatusDir:
		add(&r.debDir)
	case s.path == "var/lib/dpkg/status":
		add(&r.debStatus)
	case s.path == "lib/apk/db/installed" || s.path == "usr/lib/apk/db/installed":
		add(&r.apks)
	case rpmPaths[s.path]:
		add(&r.rpms)
	case name == "rpmdb.sqlite-wal" && s.size > 0:
		r.rpmLogs[strings.TrimSuffix(s.path, "-wal")] = true
	case strings.HasSuffix(dir, ".dist-info") && name == "METADATA",
		strings.HasSuffix(dir, ".egg-info") && name == "PKG-INFO",
		strings.HasSuffix(name, ".egg-info"):
		add(&r.pythons)
	case strings.HasSuffix(dir, ".dist-info") && name == "RECORD",
		strings.HasSuffix(dir, ".egg-info") && name == "installed-files.txt":
		r.lists[dir] = s.record
	default:
		r.count--
	}
	return true
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

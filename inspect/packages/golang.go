package packages

import (
	"strings"

	"github.com/layers/layers/cache/layer"
)

// mayTell reports whether a file may be a program or an archive of which the one pass
// has kept what it says of itself.
func mayTell(n *layer.Node) bool {
	return n.Kind == layer.File && (n.Mode&0o111 != 0 || isArchive(n.Path))
}

// tells reads what was kept of such a file.
func (f *finding) tells(r *record) (p Package, ok bool, err error) {
	content, ok, err := f.kept(r)
	if err != nil || !ok {
		return p, false, err
	}
	if isArchive(r.path) {
		p = parseManifest(string(content), r.path)
	} else if p, ok = parseBuildInfo(string(content)); !ok {
		return p, false, nil
	}
	p.Path, p.Layer = r.path, int(r.layer)+1
	return p, true, nil
}

// parseBuildInfo reads the build information of a Go program, as debug.BuildInfo's
// String gives it. It is not ok if it is none.
func parseBuildInfo(content string) (p Package, ok bool) {
	p.Kind = Go
	program := ""
	for line := range lines(content) {
		key, value, _ := strings.Cut(line, "\t")
		fields := strings.Split(value, "\t")
		switch key {
		case "go":
			p.Go = strings.Clone(value)
		case "path":
			program = value
		case "mod":
			p.Name = strings.Clone(fields[0])
			if len(fields) > 1 {
				p.Version = strings.Clone(fields[1])
			}
		case "dep":
			p.Modules++
		}
	}
	if p.Name == "" { // of the Go distribution, or built without modules
		p.Name = strings.Clone(program)
		if strings.HasPrefix(program, "cmd/") {
			p.Version = p.Go
		}
	}
	return p, p.Go != "" && p.Name != ""
}

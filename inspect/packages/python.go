package packages

import (
	"slices"
	"strings"
)

// pythons finds the packages that Python's installers left a dist-info or an egg-info
// of. One that another package owns is a part of that.
func (f *finding) pythons() error {
	slices.SortStableFunc(f.records.pythons, func(a, b record) int { // those inside other packages come after them
		return strings.Count(a.path, "/") - strings.Count(b.path, "/")
	})
	for i := range f.records.pythons {
		r := &f.records.pythons[i]
		if _, owned := f.owners[r.path]; owned {
			continue
		}
		content, ok, err := f.content(r)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		p, ok := parseMetadata(string(content))
		if !ok {
			f.note(r.path, "it has no name of a package")
			continue
		}
		p.Layer, p.Path = int(r.layer)+1, r.path
		if dir, name := splitPath(r.path); name == "METADATA" || name == "PKG-INFO" {
			p.Path = dir
		}
		if err := f.pythonFiles(f.add(p), p.Path); err != nil {
			return err
		}
	}
	return nil
}

// pythonFiles reads the list of a package's files. What lies in its dist-info, or
// egg-info, is its own in any case.
func (f *finding) pythonFiles(i int32, at string) error {
	if !f.wanted(i) {
		return nil
	}
	f.dirs[at] = i
	list, ok := f.records.lists[at]
	if !ok {
		f.own(i, at) // an egg-info may be a file
		return nil
	}
	content, ok, err := f.content(&list)
	if err != nil || !ok {
		return err
	}
	dir, recorded := at, false
	if _, name := splitPath(list.path); name == "RECORD" {
		dir, _ = splitPath(at)
		recorded = true
	}
	for line := range lines(string(content)) {
		if recorded {
			line = firstField(line)
		}
		if line == "" {
			continue
		}
		if !strings.HasPrefix(line, "/") {
			line = "/" + dir + "/" + line
		}
		if !f.own(i, cleanPath(line)) {
			break
		}
	}
	return nil
}

// firstField is the first field of a line of a RECORD, which is CSV.
func firstField(line string) string {
	if !strings.HasPrefix(line, `"`) {
		field, _, _ := strings.Cut(line, ",")
		return field
	}
	var b strings.Builder
	for rest := line[1:]; ; {
		part, after, ok := strings.Cut(rest, `"`)
		b.WriteString(part)
		if !ok || !strings.HasPrefix(after, `"`) {
			return b.String()
		}
		b.WriteByte('"')
		rest = after[1:]
	}
}

// parseMetadata reads the name and the version out of the head of a METADATA.
func parseMetadata(content string) (p Package, ok bool) {
	p.Kind = Python
	for line := range lines(content) {
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(name, "name") && p.Name == "":
			p.Name = strings.Clone(strings.TrimSpace(value))
		case strings.EqualFold(name, "version") && p.Version == "":
			p.Version = strings.Clone(strings.TrimSpace(value))
		}
	}
	return p, p.Name != ""
}

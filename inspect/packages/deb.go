package packages

import (
	"fmt"
	"strings"
)

// debs finds the packages in dpkg's status file, and in the status.d that Google's
// distroless images have in its place.
func (f *finding) debs() error {
	for i := range f.records.debStatus {
		if err := f.debsOf(&f.records.debStatus[i], false); err != nil {
			return err
		}
	}
	for i := range f.records.debDir {
		if err := f.debsOf(&f.records.debDir[i], true); err != nil {
			return err
		}
	}
	return nil
}

func (f *finding) debsOf(status *record, single bool) error {
	content, ok, err := f.content(status)
	if err != nil || !ok {
		return err
	}
	missing := 0
	for p := range parseStatus(string(content), single) {
		list, found := f.debList(p, status)
		p.Layer = int(status.layer) + 1
		if found {
			p.Layer = int(list.layer) + 1
		} else if !single {
			missing++
		}
		i := f.add(p)
		if !found || !f.wanted(i) {
			continue
		}
		if err := f.ownList(i, &list); err != nil {
			return err
		}
	}
	if missing > 0 {
		f.note(debInfo, fmt.Sprintf("%d packages have no list of their files", missing))
	}
	return nil
}

// debList returns the list of a package's files: dpkg's own, else the checksums,
// which leave out links and configuration.
func (f *finding) debList(p Package, status *record) (record, bool) {
	names := []string{p.Name + ".list", p.Name + ":" + p.Arch + ".list", p.Name + ".md5sums", p.Name + ":" + p.Arch + ".md5sums"}
	if dir, name := splitPath(status.path); dir == debStatusDir {
		names = append(names, name+".md5sums")
	}
	for _, name := range names {
		if r, ok := f.records.debLists[name]; ok {
			return r, true
		}
	}
	return record{}, false
}

// ownList reads a list of files, one a line, with or without a checksum before it.
func (f *finding) ownList(i int32, list *record) error {
	content, ok, err := f.content(list)
	if err != nil || !ok {
		return err
	}
	sums := strings.HasSuffix(list.path, ".md5sums")
	for path := range parseList(string(content), sums) {
		if !f.own(i, path) {
			break
		}
	}
	return nil
}

// parseList yields the clean paths of a list, but for directories that the next line
// lies in: those are owned by nobody.
func parseList(content string, sums bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		last := ""
		for line := range lines(content) {
			if sums {
				if _, line, _ = strings.Cut(line, " "); line != "" && (line[0] == ' ' || line[0] == '*') {
					line = line[1:]
				}
			}
			path := cleanPath(line)
			isParent := len(path) > len(last) && path[len(last)] == '/' && path[:len(last)] == last
			if last != "" && !isParent && !yield(last) {
				return
			}
			last = path
		}
		if last != "" {
			yield(last)
		}
	}
}

// parseStatus yields the packages of a status file that are installed. Those of
// status.d, each the single one of its file, need not say so.
func parseStatus(content string, single bool) func(func(Package) bool) {
	return func(yield func(Package) bool) {
		p, installed := Package{Kind: Deb}, single
		end := func() bool {
			ok := p.Name == "" || !installed || yield(p)
			p, installed = Package{Kind: Deb}, single
			return ok
		}
		for line := range lines(content) {
			if line == "" {
				if !end() {
					return
				}
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			switch name {
			case "Package":
				p.Name = strings.Clone(value)
			case "Version":
				p.Version = strings.Clone(value)
			case "Architecture":
				p.Arch = strings.Clone(value)
			case "Status":
				installed = isInstalled(value)
			}
		}
		end()
	}
}

// isInstalled reports whether a status, such as "install ok installed", is that of a
// package whose files are all in place.
func isInstalled(status string) bool {
	words := strings.Fields(status)
	if len(words) != 3 || words[1] != "ok" {
		return false
	}
	return words[2] == "installed" || words[2] == "triggers-awaited" || words[2] == "triggers-pending"
}

// lines yields lines without their ends.
func lines(content string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(content) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if !yield(line) {
				return
			}
		}
	}
}

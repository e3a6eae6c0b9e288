package packages

import "strings"

// apks finds the packages in the databases of apk, which hold the lists of files too.
func (f *finding) apks() error {
	for i := range f.records.apks {
		r := &f.records.apks[i]
		content, ok, err := f.content(r)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for p := range parseInstalled(string(content)) {
			p.Layer = int(r.layer) + 1
			i := f.add(p.Package)
			if !f.wanted(i) {
				continue
			}
			for path := range p.files() {
				if !f.own(i, path) {
					break
				}
			}
		}
	}
	return nil
}

// apk is a package with the part of the database that is about it.
type apk struct {
	Package
	text string
}

// parseInstalled yields the packages of a database: paragraphs of lines that are a
// letter, a colon and a value.
func parseInstalled(content string) func(func(apk) bool) {
	return func(yield func(apk) bool) {
		for content != "" {
			var text string
			text, content, _ = strings.Cut(content, "\n\n")
			p := apk{Package{Kind: Apk}, text}
			for line := range lines(text) {
				if len(line) < 2 || line[1] != ':' {
					continue
				}
				value := strings.TrimSpace(line[2:])
				switch line[0] {
				case 'P':
					p.Name = strings.Clone(value)
				case 'V':
					p.Version = strings.Clone(value)
				case 'A':
					p.Arch = strings.Clone(value)
				}
			}
			if p.Name != "" && !yield(p) {
				return
			}
		}
	}
}

// files yields the clean paths of the files: names in the directory named last.
func (p *apk) files() func(func(string) bool) {
	return func(yield func(string) bool) {
		dir := ""
		for line := range lines(p.text) {
			name, isDir := strings.CutPrefix(line, "F:")
			if isDir {
				dir = name
				continue
			}
			name, isFile := strings.CutPrefix(line, "R:")
			if !isFile || len(dir)+len(name) > maxPath {
				continue
			}
			if !yield(cleanPath("/" + dir + "/" + name)) {
				return
			}
		}
	}
}

package packages

import (
	"cmp"
	"strings"
)

func isArchive(path string) bool {
	return strings.HasSuffix(path, ".jar") || strings.HasSuffix(path, ".war") || strings.HasSuffix(path, ".ear")
}

// parseManifest tells the package that an archive is: by its file name, as Maven and
// all that use its repositories name them, else by its manifest.
func parseManifest(content, path string) Package {
	main := mainSection(content)
	_, name := splitPath(path)
	name, version := splitArchiveName(name[:len(name)-len(".jar")])
	if version == "" {
		version = cmp.Or(main["implementation-version"], main["bundle-version"], main["specification-version"])
	}
	return Package{Kind: Java, Name: strings.Clone(name), Version: strings.Clone(version)}
}

// splitArchiveName splits name-1.2.3 at the first dash that a digit follows.
func splitArchiveName(s string) (name, version string) {
	for i := 1; i+1 < len(s); i++ {
		if s[i] == '-' && s[i+1] >= '0' && s[i+1] <= '9' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// mainSection reads the first section of a manifest, with lower-case names. A line
// that starts with a blank goes on with the one before.
func mainSection(content string) map[string]string {
	fields := make(map[string]string)
	var last string
	for line := range lines(content) {
		switch {
		case line == "":
			return fields
		case line[0] == ' ':
			if len(fields[last]) < 1024 {
				fields[last] += line[1:]
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = strings.ToLower(name)
		fields[last] = strings.TrimSpace(value)
	}
	return fields
}

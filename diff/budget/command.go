package budget

import "strings"

// command is a command line as a shell reads it.
func command(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellWord(w)
	}
	return strings.Join(quoted, " ")
}

// shellWord quotes a word that a shell would not read as it is.
func shellWord(w string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// commandWhy shows more of the first match that is there.
func commandWhy(image string, matches []Match) string {
	for _, m := range matches {
		if m.Named != nil {
			return command("layers", "why", image, "/"+shown(m.Path))
		}
	}
	return ""
}

// shown is the directory that a version-control system keeps, where a path is in one: all
// of that is meant.
func shown(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if versionControl[p] {
			return strings.Join(parts[:i+1], "/")
		}
	}
	return path
}

var versionControl = map[string]bool{".git": true, ".hg": true, ".svn": true, ".bzr": true, "CVS": true, "_darcs": true}

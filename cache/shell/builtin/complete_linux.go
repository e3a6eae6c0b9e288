package builtin

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/layers/layers/cache/shell/builtin/tools"
)

// maxCandidates is how many names of a directory are looked at to complete one.
const maxCandidates = 100_000

// complete lengthens the last word of what was typed as far as it is clear: the name of
// a file or, where a command begins, of a tool.
func (s *shell) complete(dir, typed string) (string, bool) {
	word := typed[strings.LastIndexAny(typed, " \t;|&(<>=")+1:]
	parent, start := filepath.Split(word)
	at := parent
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	names := beginning(at, start)
	if parent == "" && strings.Trim(typed[:len(typed)-len(word)], " ") == "" {
		for _, t := range tools.All() {
			if strings.HasPrefix(t.Name, start) {
				names = append(names, t.Name+" ")
			}
		}
	}
	if len(names) == 0 {
		return "", false
	}
	common := names[0]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	return typed + strings.TrimPrefix(common, start), true
}

// beginning are the names in a directory that begin so, with what comes after them: a
// slash or a space. What cannot be typed as it is, is left out.
func beginning(dir, start string) (names []string) {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	all, _ := f.Readdirnames(maxCandidates) // what could be read will do
	for _, name := range all {
		hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(start, ".")
		if !strings.HasPrefix(name, start) || hidden || tools.Quoted(name) != name {
			continue
		}
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.IsDir() {
			names = append(names, name+"/")
		} else {
			names = append(names, name+" ")
		}
	}
	return names
}

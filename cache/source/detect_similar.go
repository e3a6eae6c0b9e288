package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const maxSimilar = 5

// similar returns those names that somebody who typed want may have meant, the
// likeliest first.
func similar(want string, have []string) []string {
	type scored struct {
		name  string
		score int
	}
	var found []scored
	for _, h := range have {
		if d, ok := distance(want, h); ok {
			found = append(found, scored{h, d})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return a.score - b.score })
	var names []string
	for _, f := range found[:min(len(found), maxSimilar)] {
		names = append(names, f.name)
	}
	return names
}

// distance says how far two names are from each other, and whether that is near
// enough to be worth a question: a few letters, another tag, or another registry.
func distance(a, b string) (int, bool) {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for _, pair := range [][2]string{{a, b}, {filepath.Base(a), filepath.Base(b)}} {
		d := edits(pair[0], pair[1])
		if d <= max(1, min(len(pair[0]), len(pair[1]))/3) {
			return d, true
		}
	}
	baseA, tagA, _ := strings.Cut(filepath.Base(a), ":")
	baseB, tagB, _ := strings.Cut(filepath.Base(b), ":")
	if tagA == "" && tagB == "" || edits(baseA, baseB) > len(baseA)/5 {
		return 0, false
	}
	return 100 + edits(tagA, tagB), true
}

// edits is the number of letters to add, drop, change or swap with their neighbour.
func edits(a, b string) int {
	const long = 256 // names are shorter; the work is quadratic
	if len(a) > long || len(b) > long {
		return long
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// neighbours returns the files beside a path that does not exist that may be meant.
func neighbours(path string) []string {
	dir := filepath.Dir(path)
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	const many = 10_000
	names, _ := f.Readdirnames(many) // what can be read is enough for a suggestion
	slices.Sort(names)
	near := similar(filepath.Base(path), names)
	for i, n := range near {
		near[i] = filepath.Join(dir, n)
		if !filepath.IsAbs(near[i]) && !strings.HasPrefix(near[i], "..") {
			near[i] = "./" + near[i]
		}
	}
	return near
}

package source

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// tagRank is what tags are ordered by.
type tagRank struct {
	tag       string
	preferred int   // numbers that it has in common with a wanted version
	class     int   // see the classes
	version   []int // the numbers of its first version
}

// The classes of tags, the most plausible first.
const (
	classMoving  = iota // without a number: latest, bookworm-slim
	classVersion        // 3.10, bookworm-20240110
	classOdd            // previews, other systems, and what looks like a commit
	classNoImage        // signatures and the like: never asked for
)

// plausible returns at most most of the tags that may be somebody's base: those of the
// wanted versions first ("3.10" for 3.10.15), then those without a number, then the
// newest versions, by number. Of equal ones, the shorter come first.
func plausible(tags []string, versions []string, most int) []string {
	var ranks []tagRank
	for _, tag := range tags {
		if r := rankOf(tag, versions); r.class != classNoImage {
			ranks = append(ranks, r)
		}
	}
	slices.SortFunc(ranks, func(a, b tagRank) int {
		return cmp.Or(cmp.Compare(b.preferred, a.preferred), cmp.Compare(a.class, b.class),
			slices.Compare(b.version, a.version), cmp.Compare(len(a.tag), len(b.tag)), cmp.Compare(a.tag, b.tag))
	})
	var out []string
	for _, r := range ranks[:min(most, len(ranks))] {
		out = append(out, r.tag)
	}
	return out
}

var (
	firstVersion = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\d+(?:\.\d+)*`) })
	oddTag       = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:^|[-_.\d])(?:alpha|beta|rc|dev|nightly|snapshot|preview|windowsservercore|nanoserver|debug|test)(?:[-_.\d]|$)|^[0-9]*[a-f][0-9a-f]{6,39}$|[-_.][0-9]*[a-f][0-9a-f]{11,39}$`)
	})
	noImageTag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256-[0-9a-f]{64}`) })
)

func rankOf(tag string, versions []string) tagRank {
	r := tagRank{tag: tag, class: classMoving}
	text := firstVersion().FindString(tag)
	switch {
	case noImageTag().MatchString(tag):
		r.class = classNoImage
	case oddTag().MatchString(tag):
		r.class = classOdd
	case text != "":
		r.class = classVersion
	}
	r.version = numbersOf(text)
	for _, v := range versions {
		if r.class == classVersion && text != "" && (v == text || strings.HasPrefix(v, text+".")) {
			r.preferred = max(r.preferred, len(r.version))
		}
	}
	return r
}

// numbersOf reads "3.10.15"; numbers that are too big are the biggest.
func numbersOf(version string) []int {
	if version == "" {
		return nil
	}
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // out of range: the nearest that there is
		out = append(out, n)
	}
	return out
}

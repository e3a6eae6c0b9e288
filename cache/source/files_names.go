package source

import (
	"slices"
	"strings"
)

// sameName compares a name that was asked for with one that an archive has, in
// which people leave out the registry, "library/" and "latest".
func sameName(want, have string) bool {
	if want == have {
		return true
	}
	w, err := parseName(want)
	if err != nil {
		return false
	}
	h, err := parseName(have)
	return err == nil && isFullName(have) && w == h
}

// isFullName tells the names of images from mere tags: "latest" in a layout is a tag.
func isFullName(s string) bool { return strings.ContainsAny(s, "/:@") }

// fullNames returns those of an archive's names that can name an image anywhere,
// fully qualified.
func fullNames(names []string) []string {
	var full []string
	for _, s := range names {
		if !isFullName(s) {
			continue
		}
		n, err := parseName(s)
		if err == nil && !slices.Contains(full, n.String()) {
			full = append(full, n.String())
		}
	}
	return full
}

// asked returns the names that an image of an archive is to be stored under: the
// one that was asked for, else all it has.
func asked(ref Reference, names []string) []string {
	full := fullNames(names)
	for _, n := range full {
		if sameName(ref.Name, n) {
			return []string{n}
		}
	}
	return full
}

// displayName is an image's name for people: what it is called and where it lies,
// or only where it lies.
func displayName(ref Reference, full []string) string {
	if ref.Path == "-" {
		ref.Text = stdinName
	}
	if len(full) == 0 {
		return ref.Text
	}
	where := ref.Text
	if ref.Transport != Path && ref.Path != "" {
		where = string(ref.Transport) + ":" + ref.Path
	}
	return Short(full[0]) + " (" + where + ")"
}

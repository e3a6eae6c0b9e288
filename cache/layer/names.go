package layer

import (
	"bytes"
	"strings"
)

const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// nameClass says what a tar name is, before anything is looked up.
type nameClass uint8

const (
	plainName nameClass = iota
	whiteoutName
	opaqueName
	aufsName
)

// classify looks at a name's components for AUFS marks.
func classify(h *Header) (nameClass, error) {
	name := bytes.TrimRight(h.Name, "/")
	class := plainName
	for len(name) > 0 {
		component, rest, more := bytes.Cut(name, []byte("/"))
		name = rest
		if !bytes.HasPrefix(component, []byte(whiteoutPrefix)) {
			continue
		}
		c, reason := classifyMark(string(component), more)
		if reason == "" && c == whiteoutName && h.Type == '5' {
			reason = "a whiteout that is a directory"
		}
		if reason != "" {
			return 0, &RefusedError{Entry: string(h.Name), Reason: reason}
		}
		if c == aufsName {
			return aufsName, nil
		}
		class = c
	}
	return class, nil
}

func classifyMark(component string, more bool) (nameClass, string) {
	switch {
	case component == opaqueMarker && !more:
		return opaqueName, ""
	case component == ".wh..wh..":
		return 0, "a whiteout of a whiteout of the parent"
	case strings.HasPrefix(component, aufsPrefix):
		return aufsName, ""
	}
	switch strings.TrimPrefix(component, whiteoutPrefix) {
	case "", ".", "..":
		return 0, "a whiteout of no name, of the directory itself or of its parent"
	}
	if more {
		return 0, "a whiteout with a slash: a whiteout cannot have anything below it"
	}
	return whiteoutName, ""
}

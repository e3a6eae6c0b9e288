package inspect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// distribution reads os-release(5) of the squashed image. It is nil if there is
// none, if it was not kept, or if links that lead to it go in a circle.
func (in *Input) distribution(tree *layer.Tree) (*Distribution, error) {
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		node, _, err := tree.Resolve(path)
		var loop *layer.LoopError
		if errors.Is(err, layer.ErrNotExist) || errors.As(err, &loop) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the distribution of %s: %w", in.Name, err)
		}
		kept := in.Layers[node.Carrier].Kept
		if node.Kind != layer.File || kept == nil {
			continue
		}
		content, ok, err := kept.Content(node.Offset)
		if err != nil {
			return nil, fmt.Errorf("reading the distribution of %s: %w", in.Name, err)
		}
		if ok {
			return parseOSRelease(string(content)), nil
		}
	}
	return nil, nil
}

// parseOSRelease reads the fields that we tell; nil if there is none of them.
func parseOSRelease(content string) *Distribution {
	var d Distribution
	for line := range strings.Lines(content) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		switch name {
		case "PRETTY_NAME":
			d.Name = unquote(value)
		case "ID":
			d.ID = unquote(value)
		case "VERSION_ID":
			d.Version = unquote(value)
		}
	}
	if d == (Distribution{}) {
		return nil
	}
	return &d
}

// unquote undoes the quoting that a shell would, as os-release(5) allows it.
func unquote(s string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote && quote != 0:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

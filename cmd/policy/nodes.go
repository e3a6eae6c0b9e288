package policy

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pair is a key of a mapping and its value.
type pair struct{ key, value *yaml.Node }

// fields are the pairs of a mapping whose keys are known, in the file's order.
type fields []pair

func (f fields) get(key string) (pair, bool) {
	i := slices.IndexFunc(f, func(p pair) bool { return p.key.Value == key })
	if i < 0 {
		return pair{}, false
	}
	return f[i], true
}

// has says whether a key is in the mapping at all, be its value right or wrong.
func (f fields) has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// pairs reads a mapping of any keys. It is not ok if there is none.
func (r *reader) pairs(n *yaml.Node, what string) (fields, bool) { return r.fields(n, what, nil) }

// fields reads a mapping of which all keys are known; nil is any. It is not ok if there
// is none.
func (r *reader) fields(n *yaml.Node, what string, known []string) (fields, bool) {
	if !r.plain(n, what) {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		r.add(n, "", "%s is %s, not a mapping of keys to values", what, typeOf(n))
		return nil, false
	}
	var out fields
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			r.add(key, "give a whole value a name with & and repeat it with *", "merge keys are not read")
			continue
		case key.Kind != yaml.ScalarNode || isNull(key) || key.Style&yaml.TaggedStyle != 0:
			r.add(key, "", "a key must be plain text")
			continue
		}
		line, twice := first[key.Value]
		switch {
		case twice:
			r.add(key, "", "%s is here twice: first on line %d", show(key.Value), line)
			continue
		case known != nil && !slices.Contains(known, key.Value):
			r.add(key, didYouMean(key.Value, known, "known are "+strings.Join(known, ", ")), "unknown key %s", show(key.Value))
		case isNull(value):
			r.add(key, "", "%s has no value", show(key.Value))
		default:
			out = append(out, pair{key, value})
		}
		first[key.Value] = key.Line
	}
	return out, true
}

// some refuses more pairs than anyone needs.
func (r *reader) some(pairs fields) fields {
	if len(pairs) > mostItems {
		r.add(pairs[mostItems].key, "", "more than %d: this is too much", mostItems)
		return pairs[:mostItems]
	}
	return pairs
}

// list reads a list, or what stands for a list of one.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if !r.plain(n, what) {
		return nil
	}
	if len(n.Content) == 0 {
		r.add(n, "", "%s is an empty list", what)
	}
	if len(n.Content) > mostItems {
		r.add(n.Content[mostItems], "", "more than %d items: this is too much", mostItems)
		return n.Content[:mostItems]
	}
	return n.Content
}

// text reads a text that is not blank.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	switch {
	case !r.plain(n, what):
		return "", false
	case n.Kind != yaml.ScalarNode || isNull(n):
		r.add(n, "", "%s is %s, not text", what, typeOf(n))
		return "", false
	case n.ShortTag() != "!!str":
		r.add(n, "write it in quotes: "+strconv.Quote(n.Value), "%s is %s, not text", what, typeOf(n))
		return "", false
	case strings.TrimSpace(n.Value) == "":
		r.add(n, "", "%s is empty", what)
		return "", false
	}
	return n.Value, true
}

// oneOf reads one of a few words.
func (r *reader) oneOf(n *yaml.Node, what string, words []string) (string, bool) {
	s, ok := r.text(n, what)
	if ok && !slices.Contains(words, s) {
		r.add(n, didYouMean(s, words, "write "+strings.Join(words, ", or ")), "%s is %s", what, show(s))
		return "", false
	}
	return s, ok
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	if r.plain(n, what) && n.ShortTag() != "!!bool" {
		r.add(n, "write true or false", "%s is %s", what, shown(n))
	}
	return n.ShortTag() == "!!bool" && strings.EqualFold(n.Value, "true")
}

// count reads a whole number of at least some least one.
func (r *reader) count(n *yaml.Node, what string, least int) (int, bool) {
	if !r.plain(n, what) {
		return 0, false
	}
	i, ok := decimal(n.Value)
	if n.ShortTag() != "!!int" || !ok || i < least {
		r.add(n, "", "%s is %s, not a whole number from %d", what, shown(n), least)
		return 0, false
	}
	return i, true
}

// decimal reads a number that is written in digits, without a leading zero.
func decimal(text string) (int, bool) {
	i, err := strconv.ParseUint(text, 10, 31)
	return int(i), err == nil && strconv.FormatUint(i, 10) == text
}

// plain refuses tags, which say how another program is to take a value.
func (r *reader) plain(n *yaml.Node, what string) bool {
	if n.Style&yaml.TaggedStyle != 0 {
		r.add(n, "", "%s has a tag, %s: tags are not read", what, show(n.ShortTag()))
		return false
	}
	return true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// shown is a value as the file has it, or what kind of value it is.
func shown(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return show(n.Value)
	}
	return typeOf(n)
}

func typeOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a boolean"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

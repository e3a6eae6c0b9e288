package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// base reads what an image must be built on.
func (r *reader) base(n *yaml.Node) (b budget.BaseRule) {
	if n.Kind != yaml.MappingNode {
		b.Is = r.bases(n, "base")
		return b
	}
	before := len(r.mistakes)
	f, _ := r.fields(n, "base", []string{"is", "max-age", "pinned"})
	for _, p := range f {
		switch p.key.Value {
		case "is":
			b.Is = r.bases(p.value, "is")
		case "max-age":
			b.MaxAge = r.age(p.value)
		case "pinned":
			b.Pinned = r.boolean(p.value, "pinned")
		}
	}
	if len(r.mistakes) == before && len(b.Is) == 0 && b.MaxAge == 0 && !b.Pinned {
		r.add(n, "give is, max-age or pinned: true", "this demands nothing")
	}
	return b
}

func (r *reader) bases(n *yaml.Node, what string) []string {
	var out []string
	for _, item := range r.list(n, what) {
		if s, ok := r.text(item, what); ok && r.right(item, what, checkPattern(s)) {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) age(n *yaml.Node) time.Duration {
	const most = 36500 // a century
	days, ok := strings.CutSuffix(n.Value, "d")
	i, isNumber := decimal(days)
	if n.Kind != yaml.ScalarNode || !ok || !isNumber || i < 1 || i > most {
		r.add(n, "write days, from 1d to 36500d, as in 90d", "max-age is %s", shown(n))
		return 0
	}
	return time.Duration(i) * 24 * time.Hour
}

const nonRoot = "non-root"

// users reads whom an image may run as; none is anyone but root.
func (r *reader) users(n *yaml.Node) []string {
	var out []string
	items := r.list(n, "user")
	for _, item := range items {
		s, ok := r.user(item)
		switch {
		case !ok:
		case s == nonRoot && len(items) > 1:
			r.add(item, "write user: non-root, or who it may be", "non-root stands alone")
		case s != nonRoot:
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) user(n *yaml.Node) (string, bool) {
	if n.ShortTag() == "!!int" && r.plain(n, "user") {
		const most = 1<<32 - 2
		i, err := strconv.ParseUint(n.Value, 10, 32)
		if err != nil || i > most || strconv.FormatUint(i, 10) != n.Value {
			r.add(n, "", "%s is no number of a user", show(n.Value))
			return "", false
		}
		return n.Value, true
	}
	s, ok := r.text(n, "user")
	if ok && strings.ContainsAny(s, ": \t\r\n") {
		r.add(n, "write the user alone, without a group", "%s is no name of a user", show(s))
		return "", false
	}
	return s, ok
}

// platforms reads a platform or several, each once.
func (r *reader) platforms(n *yaml.Node) []string {
	var out []string
	for _, item := range r.list(n, "platforms") {
		s, ok := r.text(item, "platforms")
		switch {
		case !ok:
		case !isPlatform(s):
			r.add(item, "as in linux/amd64 or linux/arm/v7", "%s is no platform", show(s))
		case slices.ContainsFunc(out, func(o string) bool { return samePlatform(o, s) }):
			r.add(item, "", "%s is here twice", s)
		default:
			out = append(out, s)
		}
	}
	return out
}

func isPlatform(text string) bool {
	parts := strings.Split(text, "/")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789.") != "" {
			return false
		}
	}
	return len(parts) == 2 || len(parts) == 3
}

// samePlatform knows that v8 is the only variant of arm64 that goes without saying.
func samePlatform(a, b string) bool {
	return strings.Replace(a, "/arm64/v8", "/arm64", 1) == strings.Replace(b, "/arm64/v8", "/arm64", 1)
}

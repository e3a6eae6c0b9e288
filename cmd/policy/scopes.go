package policy

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/inspect/packages"
)

const scopeForm = "write own, or one of {layer: 3}, {step: RUN pip *}, {path: app/**} and {package: deb}"

var packageKinds = []string{
	string(packages.Deb), string(packages.Apk), string(packages.RPM), string(packages.Python), string(packages.NPM), string(packages.Go), string(packages.Java),
}

// scope reads the part of an image that a rule is about.
func (r *reader) scope(n *yaml.Node) (s budget.Scope) {
	if n.Kind == yaml.ScalarNode {
		if text, ok := r.text(n, "within"); ok && text != "own" {
			r.add(n, didYouMean(text, []string{"own"}, scopeForm), "within is %s", show(text))
		} else if ok {
			s.Own = true
		}
		return s
	}
	f, ok := r.fields(n, "within", []string{"layer", "step", "path", "package"})
	if ok && len(n.Content) == 0 {
		r.add(n, scopeForm, "within is empty")
	}
	if len(f) > 1 {
		r.add(f[1].key, "make it two rules", "two parts of the image in one rule: %s and %s", f[0].key.Value, f[1].key.Value)
		return s
	}
	for _, p := range f {
		switch p.key.Value {
		case "layer":
			if i, ok := r.count(p.value, "layer", 1); ok {
				s.Layer = i
			}
		case "step":
			s.Step, _ = r.text(p.value, "step")
		case "path":
			s.Path, _ = r.glob(p.value, "path")
		case "package":
			s.Package = r.pkg(p.value)
		}
	}
	return s
}

func (r *reader) pkg(n *yaml.Node) string {
	s, ok := r.text(n, "package")
	if !ok {
		return ""
	}
	kind, name, named := strings.Cut(s, "/")
	switch {
	case !slices.Contains(packageKinds, kind):
		r.add(n, didYouMean(kind, packageKinds, "kinds are "+strings.Join(packageKinds, ", ")), "there are no packages of the kind %s", show(kind))
		return ""
	case named && (name == "" || !doublestar.ValidatePattern(name)):
		r.add(n, "as in python/torch*", "%s is no pattern of packages", show(s))
		return ""
	}
	return s
}

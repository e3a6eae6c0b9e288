package inspect

import "github.com/layers/layers/cache/layer"

// below sums up what each layer has below a directory; layers that have nothing
// there are left out.
func (w *why) below(path string) ([]Contribution, error) {
	sums := make([]Contribution, len(w.in.Layers))
	measure := newFiles(w.in.Layers)
	for versions, err := range w.tree.Versions(path) {
		if err != nil {
			return nil, err
		}
		if versions[0].Path == path {
			continue
		}
		for i := range versions {
			sums[versions[i].Layer].count(&versions[i], measure)
		}
	}
	var out []Contribution
	for i, c := range sums {
		if c != (Contribution{}) {
			c.Layer = i + 1
			out = append(out, c)
		}
	}
	return out, nil
}

func (c *Contribution) count(v *layer.Version, measure *files) {
	switch {
	case v.Kind == layer.Absent:
		c.Whiteouts++
	case v.Kind == layer.Dir:
	case v.Visible:
		c.Files++
		c.Bytes += measure.of(&v.Entry, v.Layer).unpacked
	default:
		c.Hidden++
	}
}

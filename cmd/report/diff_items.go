package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff"
)

// These are the lines of a summary about packages and configurations.

func (o Options) packageItems(p *diff.PackageChanges, most int) (items []string) {
	if p == nil {
		return nil
	}
	for i := range p.Changed {
		if i == most {
			items = append(items, plural(int64(len(p.Changed)-most), "package")+" more: --packages")
			break
		}
		items = append(items, packageMark(&p.Changed[i])+" "+o.packageText(&p.Changed[i]))
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Unchanged)) {
		items = append(items, Count(int64(p.Unchanged[kind]))+" "+string(kind)+" unchanged")
	}
	if p.Old+p.New > 0 && (p.Unowned.Old != 0 || p.Unowned.New != 0) {
		items = append(items, "of no package "+o.Units.Bytes(p.Unowned.Old)+o.arrow()+o.Units.Bytes(p.Unowned.New))
	}
	for _, n := range p.Notes {
		items = append(items, "not read: "+o.Path(n.Path)+": "+o.oneLine(n.Why))
	}
	return items
}

func packageMark(c *diff.PackageChange) string {
	switch {
	case c.Old == "":
		return "+"
	case c.New == "":
		return "-"
	}
	return "~"
}

func (o Options) packageText(c *diff.PackageChange) string {
	text := o.Escape(c.Name)
	switch {
	case c.Old == "":
		text += " " + o.Escape(c.New)
	case c.New == "":
		text += " " + o.Escape(c.Old)
	default:
		text += " " + o.Escape(c.Old) + o.arrow() + o.Escape(c.New)
	}
	return text
}

// configItems leaves the history out: steps that made layers are told of with these, and
// what others changed is in the configuration.
func (o Options) configItems(changes []diff.ConfigChange, most int) (items []string) {
	left := 0
	for i := range changes {
		switch {
		case changes[i].Field == "history":
		case len(items) == most:
			left++
		default:
			items = append(items, o.configText(&changes[i]))
		}
	}
	if left > 0 {
		items = append(items, Count(int64(left))+" more: --config")
	}
	return items
}

var kindMarks = map[diff.Kind]string{diff.Added: "+", diff.Deleted: "-", diff.Modified: "~", diff.Replaced: "!", diff.Renamed: ">"}

// configText is a change of the configuration in one line.
func (o Options) configText(c *diff.ConfigChange) string {
	text := kindMarks[c.Kind] + " " + strings.ToUpper(c.Field)
	if c.Key != "" {
		text += " " + o.oneLine(c.Key)
	}
	switch {
	case c.Hidden:
		text += " (not shown: --show-env)"
	case c.Old != nil && c.New != nil:
		text += " " + o.value(*c.Old) + o.arrow() + o.value(*c.New)
	case c.New != nil:
		text += " " + o.value(*c.New)
	case c.Old != nil:
		text += " " + o.value(*c.Old)
	}
	return text
}

// value is a value of the configuration: cut, so that one does not hide the others.
func (o Options) value(s string) string {
	if s == "" {
		return `""`
	}
	if o.NoTrunc {
		return o.oneLine(s)
	}
	return o.truncateMiddle(o.oneLine(s), 40)
}

// rawPair is what CSV has of a value that may be absent.
func rawPair(old, new *string) (cell, cell) {
	raw := func(s *string) cell {
		if s == nil {
			return cell{}
		}
		return cell{Raw: term.Escape(*s)}
	}
	return raw(old), raw(new)
}

package report

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/layers/layers/inspect/fleet"
)

// usageTable says what a store's disk is used for: by kind, and by image.
func usageTable(r *fleet.UsageReport, o Options) *grid {
	t := &grid{Head: o.usageHead(r), Columns: []column{
		{Title: "IMAGE", Narrow: true, Paths: true}, {Title: "PLATFORM", Machine: !severalPlatforms(r.Images, usagePlatform)}, {Key: "digest", Machine: true},
		{Title: "EXCLUSIVE", Right: true}, {Key: "exclusive_apparent", Machine: true},
		{Title: "SHARED", Right: true}, {Key: "shared_apparent", Machine: true},
		{Title: "PART", Key: "proportional", Right: true}, {Key: "proportional_apparent", Machine: true},
		{Title: "USED"}, {Key: "in_use", Machine: true}, {Title: "SHARES WITH", Key: "sharing", Narrow: true},
	}}
	var rows []gridRow
	for i := range r.Images {
		rows = append(rows, gridRow{Cells: o.usageCells(&r.Images[i]), Value: &r.Images[i]})
	}
	t.Rows = listRows(rows)
	if len(rows) > 0 {
		t.Foot = func() ([]string, error) {
			return []string{"", "EXCLUSIVE goes if the image goes alone. PART is its part, if what is shared", "is parted equally."}, nil
		}
	}
	return t
}

func (o Options) usageHead(r *fleet.UsageReport) []string {
	head := o.items(o.Escape(r.Dir), o.Units.Bytes(r.Total.Disk)+" on the disk", o.Units.Bytes(r.Total.Apparent)+" apparent size")
	head = append(head, "")
	head = append(head, o.kindsTable(r).lines("", o)...)
	parts := []string{}
	for _, p := range []struct {
		what   string
		weight fleet.Weight
	}{
		{"of one image alone", r.Exclusive}, {"shared", r.Shared}, {"only in use", r.Running},
		{"unneeded (layers cache prune)", r.Unneeded}, {"the store's own", r.Overhead},
	} {
		if p.weight.Disk != 0 {
			parts = append(parts, o.Units.Bytes(p.weight.Disk)+" "+p.what)
		}
	}
	head = append(append(head, ""), o.wrapped(" + ", parts)...)
	return append(head, "")
}

func (o Options) kindsTable(r *fleet.UsageReport) *grid {
	t := &grid{Columns: []column{
		{Title: "KIND"}, {Title: "FILES", Right: true}, {Title: "ON DISK", Right: true}, {Title: "APPARENT", Right: true}, {Title: "UNNEEDED", Right: true},
	}}
	var rows []gridRow
	for _, k := range r.Kinds {
		unneeded := o.bytesCell(k.Unneeded.Disk)
		if k.Unneeded == (fleet.Weight{}) {
			unneeded.Text = ""
		}
		rows = append(rows, gridRow{Cells: []cell{o.textCell(k.Kind), countCell(int64(k.Items)),
			o.bytesCell(k.Weight.Disk), o.bytesCell(k.Weight.Apparent), unneeded}})
	}
	t.Rows = listRows(rows)
	return t
}

func (o Options) usageCells(u *fleet.ImageUsage) []cell {
	return []cell{
		o.namesCell(u.Names, u.Digest), o.platformCell(u.Platform), o.digestCell(u.Digest),
		o.bytesCell(u.Exclusive.Disk), o.bytesCell(u.Exclusive.Apparent),
		o.bytesCell(u.Shared.Disk), o.bytesCell(u.Shared.Apparent),
		o.bytesCell(u.Proportional.Disk), o.bytesCell(u.Proportional.Apparent),
		o.usedCell(u.Used, u.InUse), {Raw: strconv.FormatBool(u.InUse)}, o.sharersCell(u),
	}
}

func usagePlatform(u fleet.ImageUsage) string     { return u.Platform }
func plannedPlatform(p fleet.PlannedImage) string { return p.Platform }

// severalPlatforms reports whether images are for several platforms, so that a name alone
// may not say which is meant.
func severalPlatforms[T any](images []T, platform func(T) string) bool {
	return slices.ContainsFunc(images, func(i T) bool { return platform(i) != platform(images[0]) })
}

// platformCell leaves out what nearly all images are for.
func (o Options) platformCell(platform string) cell {
	c := o.textCell(platform)
	c.Text = strings.TrimPrefix(c.Text, "linux/")
	return c
}

// namesCell is an image by its names, or by its digest if it has none.
func (o Options) namesCell(names []string, digest string) cell {
	c := o.textCell(strings.Join(names, ", "))
	if len(names) == 0 {
		c.Text = o.Digest(digest)
	}
	return c
}

func (o Options) usedCell(used *time.Time, inUse bool) cell {
	c := o.timeCell(used)
	c.Text = strings.TrimSuffix(c.Text, " old") + " ago"
	switch {
	case inUse:
		c.Text = "in use"
	case used == nil:
		c.Text = ""
	case strings.HasPrefix(c.Text, "new "):
		c.Text = "now"
	case !strings.Contains(c.Text, " ago") || strings.Count(c.Text, "-") == 2:
		c.Text = strings.TrimSuffix(c.Text, " ago")
	}
	return c
}

func (o Options) sharersCell(u *fleet.ImageUsage) cell {
	if len(u.SharedWith) == 0 {
		return cell{"", strconv.Itoa(u.Sharing)}
	}
	with := u.SharedWith[0]
	text := o.Digest(with.Digest)
	if len(with.Names) > 0 {
		text = o.Escape(path.Base(with.Names[0])) // which registry is of no matter here
	}
	if more := u.Sharing - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return cell{text, strconv.Itoa(u.Sharing)}
}

// planTable says which images are to go, and what that frees.
func planTable(r *fleet.PlanReport, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "IMAGE", Narrow: true, Paths: true}, {Title: "PLATFORM", Machine: !severalPlatforms(r.Images, plannedPlatform)},
		{Key: "digest", Machine: true}, {Title: "USED"},
		{Title: "ALONE", Right: true}, {Title: "FREES", Right: true}, {Key: "frees_apparent", Machine: true}, {Title: "WHY", Narrow: true},
	}}
	var rows []gridRow
	for i := range r.Images {
		p := &r.Images[i]
		rows = append(rows, gridRow{Value: p, Cells: []cell{
			o.namesCell(p.Names, p.Digest), o.platformCell(p.Platform), o.digestCell(p.Digest), o.usedCell(p.Used, false),
			o.bytesCell(p.Alone.Disk), o.bytesCell(p.Frees.Disk), o.bytesCell(p.Frees.Apparent), o.textCell(p.Why),
		}})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.planFoot(r), nil }
	return t
}

func (o Options) planFoot(r *fleet.PlanReport) []string {
	var foot []string
	if len(r.Images) > 0 {
		foot = append(foot, "")
	}
	foot = append(foot, o.staying(r.Stay)...)
	if together := r.Freed.Minus(r.Unneeded).Minus(r.Alone); together.Disk > 0 {
		foot = append(foot, o.Units.Bytes(together.Disk)+" only these images share: it goes with the last of them")
	}
	if r.Unneeded != (fleet.Weight{}) {
		foot = append(foot, o.Units.Bytes(r.Unneeded.Disk)+" that no image needs")
	}
	verb := "freed"
	if r.DryRun {
		verb = "would be freed"
	}
	foot = append(foot, fmt.Sprintf("%s %s of %s on the disk", o.Units.Bytes(r.Freed.Disk), verb, o.Units.Bytes(r.Before.Disk)))
	if r.Over > 0 {
		foot = append(foot, o.Units.Bytes(r.Over)+" too many are left: the other images must stay")
	}
	return foot
}

// mostStaying is how many images are named that stay.
const mostStaying = 8

func (o Options) staying(stay []fleet.StayingImage) []string {
	if len(stay) == 0 {
		return nil
	}
	shown := stay[:min(len(stay), o.listLimit(mostStaying))]
	t := &grid{Columns: []column{{Narrow: true, Paths: true}, {}, {Narrow: true}}}
	var rows []gridRow
	for _, s := range shown {
		rows = append(rows, gridRow{Cells: []cell{o.namesCell(s.Names, s.Digest), {Text: "stays"}, o.textCell(s.Why)}})
	}
	t.Rows = listRows(rows)
	lines := t.lines("", o)
	if more := len(stay) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("%s and %s more", o.ellipsis(), plural(int64(more), "image")))
	}
	return append(lines, "")
}

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/layers/layers/inspect/fleet"
)

func imagesTable(r *fleet.ImagesReport, o Options) *grid {
	same := samePlatform(r) && o.width() < wide
	t := &grid{Columns: []column{
		{Title: "NAME", Narrow: true, Paths: true}, {Title: "DIGEST"}, {Title: "PLATFORM", Machine: same}, {Title: "CREATED"}, {Title: "PULLED", Machine: true},
		{Title: "CONTENT", Right: true}, {Title: "UNPACKED", Right: true}, {Title: "SHARED", Right: true}, {Title: "EXCLUSIVE", Right: true},
		{Key: "layers", Machine: true}, {Title: "FROM", Key: "origin", Machine: o.width() < wide || !slices.ContainsFunc(r.Images, isLocal)},
	}}
	var rows []gridRow
	for i := range r.Images {
		rows = append(rows, gridRow{Cells: o.imageCells(&r.Images[i]), Value: &r.Images[i]})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.imagesFoot(r, same), nil }
	return t
}

func (o Options) imagesFoot(r *fleet.ImagesReport, same bool) []string {
	var foot []string
	if len(r.Images) > 1 {
		line := o.Units.Bytes(r.Content) + " content in all, each blob once"
		if same {
			line += "; all for " + o.Escape(r.Images[0].Platform)
		}
		foot = append(foot, line)
	}
	if o.width() < wide {
		foot = append(foot, o.localImages(r.Images)...)
	}
	if len(foot) > 0 {
		foot = slices.Insert(foot, 0, "")
	}
	return foot
}

// isLocal reports whether an image is known to be from elsewhere than a registry, so
// that its name promises nothing of what the registry has under it.
func isLocal(i fleet.ImageRow) bool { return i.Origin != "" && i.Origin != "registry" }

// localImages says which images are local, a line or two for each origin: few
// terminals have room for a column.
func (o Options) localImages(images []fleet.ImageRow) []string {
	of := map[string][]string{}
	for _, i := range images {
		if isLocal(i) {
			name := o.Escape(i.Name)
			if i.Name == "" {
				name = o.Digest(i.Digest)
			}
			of[i.Origin] = append(of[i.Origin], name)
		}
	}
	var lines []string
	for _, origin := range slices.Sorted(maps.Keys(of)) {
		line := fmt.Sprintf("from %s: %s", o.Escape(origin), strings.Join(slices.Compact(of[origin]), ", "))
		lines = append(lines, o.Truncate(line, o.width()))
	}
	return lines
}

// samePlatform reports whether several images are all for one platform.
func samePlatform(r *fleet.ImagesReport) bool {
	for _, i := range r.Images {
		if i.Platform != r.Images[0].Platform || i.Platform == "" {
			return false
		}
	}
	return len(r.Images) > 1
}

func (o Options) imageCells(i *fleet.ImageRow) []cell {
	name := o.textCell(i.Name)
	if i.Name == "" {
		name.Text = "-"
	}
	return []cell{
		name, o.imageDigest(i.Digest), o.textCell(i.Platform), o.timeCell(i.Created), o.timeCell(i.Pulled),
		o.bytesCell(i.Content), o.maybeBytes(i.Unpacked), o.bytesCell(i.Shared), o.bytesCell(i.Exclusive), countCell(int64(i.Layers)), o.textCell(i.Origin),
	}
}

// imageDigest is as short as a reference may be where there is little room: 7 digits.
func (o Options) imageDigest(digest string) cell {
	c := o.digestCell(digest)
	if o.width() < wide {
		c.Text = c.Text[:min(len(c.Text), 7)]
	}
	return c
}

// timeCell is how old something is, in a column that says that it is an age.
func (o Options) timeCell(t *time.Time) cell {
	if t == nil {
		return cell{}
	}
	return cell{strings.TrimSuffix(Age(t, o.Now), " old"), t.UTC().Format(time.RFC3339Nano)}
}

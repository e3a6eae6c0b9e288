package diff

import "context"

// TrendVersion is the version of TrendReport.
const TrendVersion = "layers.diff-trend/v1"

// TrendReport is how an image changed over several of its versions.
type TrendReport struct {
	Version string  `json:"version"`
	Points  []Point `json:"points"` // as they were asked for
}

// Point is one version of an image.
type Point struct {
	Side
	Content  *int64 `json:"content,omitempty"` // compressed bytes, each blob once
	Unpacked int64  `json:"unpacked"`
	Packages *int   `json:"packages,omitempty"` // how many there are
	// Since is what changed since the version before; the first has none.
	Since *Since `json:"since,omitempty"`
}

// Since is what changed between neighbours.
type Since struct {
	Content  *int64 `json:"content,omitempty"`
	Unpacked int64  `json:"unpacked"`
	Fetch    *int64 `json:"fetch,omitempty"`
	Layers   Counts `json:"layers"`
	// Cause is the pair of layers that moved most; absent if no layer differs.
	Cause *Cause `json:"cause,omitempty"`
}

// Counts are how many layers of the new image there are of each relation, and how many
// are Gone.
type Counts map[Relation]int

// Trend compares each image with the one before it.
func Trend(ctx context.Context, images []*Image, o Options) (*TrendReport, error) {
	t := &TrendReport{Version: TrendVersion, Points: []Point{}}
	for n, i := range images {
		p := Point{Side: i.side(), Unpacked: i.unpacked()}
		if i.blobs() {
			content := sumOf(i.counted())
			p.Content = &content
		}
		if i.Packages != nil {
			count := len(i.Packages.Packages)
			p.Packages = &count
		}
		if n > 0 {
			r, err := Compare(ctx, images[n-1], i, o)
			if err != nil {
				return nil, err
			}
			p.Since = r.since()
		}
		t.Points = append(t.Points, p)
	}
	return t, nil
}

func (r *Report) since() *Since {
	s := &Since{Unpacked: r.Unpacked.Change, Fetch: r.Fetch, Layers: r.Counts()}
	if r.Content != nil {
		s.Content = &r.Content.Change
	}
	if len(r.Causes) > 0 {
		s.Cause = &r.Causes[0]
	}
	return s
}

// Counts says how many pairs of layers there are of each relation.
func (r *Report) Counts() Counts {
	counts := Counts{}
	for _, p := range r.Layers {
		counts[p.Relation]++
	}
	return counts
}

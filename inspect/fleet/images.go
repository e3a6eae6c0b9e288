package fleet

import (
	"cmp"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ImagesVersion is the version of ImagesReport.
const ImagesVersion = "layers.images/v1"

// StoredImage is a name of an image of a set, such as all that a store holds.
type StoredImage struct {
	Name     string // as people write it; "" if it has none
	Digest   v1.Hash
	Platform v1.Platform
	Created  time.Time // the zero time if it is not known
	Pulled   time.Time
	Origin   string  // what it was pulled from: "registry", "docker-archive" …; "" if it is not known
	Layers   []Layer // bottom first
}

// ImagesReport lists images and what they share.
type ImagesReport struct {
	Version string     `json:"version"`
	Images  []ImageRow `json:"images"`
	// Content is the compressed bytes of all images together, each blob once.
	Content int64 `json:"content"`
}

// ImageRow is one name of an image.
type ImageRow struct {
	Name     string     `json:"name,omitempty"`
	Digest   string     `json:"digest"`
	Platform string     `json:"platform,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Pulled   *time.Time `json:"pulled,omitempty"`
	Origin   string     `json:"origin,omitempty"` // what it was pulled from: StoredImage.Origin
	Layers   int        `json:"layers"`
	Content  int64      `json:"content"`            // compressed, each blob once
	Unpacked *int64     `json:"unpacked,omitempty"` // absent unless known of every layer
	// Shared is the part of Content that another image has, too. A second name of
	// the same image is not another image.
	Shared int64 `json:"shared"`
	// Exclusive is the rest of Content: what is freed if the image goes, with all its names.
	Exclusive int64 `json:"exclusive"`
}

// Images reports on a set of images, in an order; "" is ByName.
func Images(images []StoredImage, order Order) *ImagesReport {
	r := &ImagesReport{Version: ImagesVersion, Images: []ImageRow{}}
	var set Set
	for _, img := range images {
		set.Add(Image{Digest: img.Digest, Layers: img.Layers})
	}
	r.Content = set.After().Content
	for _, img := range images {
		r.Images = append(r.Images, set.row(img))
	}
	slices.SortFunc(r.Images, order.compare)
	return r
}

// Order is an order of images.
type Order string

// The orders. What is equal by one is in the order of names, then of platforms and
// digests.
const (
	ByName Order = "name" // those without a name last
	BySize Order = "size" // by content, the biggest first
	ByAge  Order = "age"  // by when they were made, the newest first; those that do not say last
)

func (o Order) compare(a, b ImageRow) int {
	first := 0
	switch o {
	case BySize:
		first = cmp.Compare(b.Content, a.Content)
	case ByAge:
		first = compareNewest(a.Created, b.Created)
	}
	return cmp.Or(first, compareBool(a.Name == "", b.Name == ""), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Digest, b.Digest))
}

func compareNewest(a, b *time.Time) int {
	if a == nil || b == nil {
		return compareBool(a == nil, b == nil)
	}
	return b.Compare(*a)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (s *Set) row(img StoredImage) ImageRow {
	id, _ := s.Number(img.Digest)
	row := ImageRow{
		Name: img.Name, Digest: img.Digest.String(), Platform: img.Platform.String(), Created: known(img.Created),
		Pulled: known(img.Pulled), Origin: img.Origin, Layers: len(img.Layers), Unpacked: new(int64),
		Content: s.Total(id).Content, Shared: s.Shared(id).Content, Exclusive: s.Exclusive(id).Content,
	}
	for _, l := range img.Layers {
		if l.Unpacked < 0 {
			row.Unpacked = nil
			break
		}
		*row.Unpacked += l.Unpacked
	}
	return row
}

// known is nil for a time that stands for none.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

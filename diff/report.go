package diff

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// ReportVersion is the version of Report. It changes when a field goes or changes its
// meaning, not when one is added.
const ReportVersion = "layers.diff/v1"

// Report says what changed between two images.
type Report struct {
	Version string `json:"version"`
	Old     Side   `json:"old"`
	New     Side   `json:"new"`
	// Content is compressed bytes, each blob of an image once; absent where a side has
	// none, as a directory of the host. Unpacked is bytes of the regular files that the
	// layers carry, also of those that later layers hide.
	Content  *Amount `json:"content,omitempty"`
	Unpacked Amount  `json:"unpacked"`
	// Fetch is what a host that has the old image must fetch for the new one:
	// compressed bytes of the blobs that the old one has not.
	Fetch *int64 `json:"fetch,omitempty"`
	// Layers are all layers of both sides, aligned, in the order of the new image; one
	// that is gone stands before those that come after it. Their changes add up to
	// Content.Change and Unpacked.Change.
	Layers []LayerPair `json:"layers"`
	// Causes are the pairs of layers that are not the same, those first that explain
	// most of the change. Their changes add up to Unpacked.Change.
	Causes []Cause  `json:"causes"`
	Files  FileSums `json:"files"`
	// Biggest are the files whose bytes changed most, the first ones first.
	Biggest []Row `json:"biggest"`
	// Packages is absent where packages were not looked for.
	Packages *PackageChanges `json:"packages,omitempty"`
	Config   []ConfigChange  `json:"config"`
}

// Side is one of the two that are compared.
type Side struct {
	Name     string `json:"name"`
	Asked    string `json:"asked,omitempty"`  // how it was asked for, if not by the name
	Digest   string `json:"digest,omitempty"` // of the manifest; absent for a directory
	Platform string `json:"platform,omitempty"`
	Layers   int    `json:"layers"`
	Single   bool   `json:"single,omitempty"` // one layer, looked at alone
}

// Amount is bytes on both sides. Change is New less Old.
type Amount struct {
	Old    int64 `json:"old"`
	New    int64 `json:"new"`
	Change int64 `json:"change"`
}

func amount(old, new int64) Amount { return Amount{old, new, new - old} }

// Relation says what a layer of the old image became.
type Relation string

// The relations, from the nearest to the farthest.
const (
	Shared       Relation = "shared"       // the same blob
	Recompressed Relation = "recompressed" // the same tar in another blob
	Moved        Relation = "moved"        // the same tar, elsewhere in the stack
	Rebuilt      Relation = "rebuilt"      // for nothing: the same entries, with other times
	Reattributed Relation = "attributes"   // the same files, with other owners, modes or xattrs
	Changed      Relation = "changed"
	New          Relation = "new"
	Gone         Relation = "gone"
)

// LayerPair is a layer of the old image and what became of it. Old is nil for a new
// layer, New for one that is gone.
type LayerPair struct {
	Relation Relation   `json:"relation"`
	Old      *LayerSide `json:"old,omitempty"`
	New      *LayerSide `json:"new,omitempty"`
	// Content and Unpacked are by how much the pair changes the image's bytes.
	Content  *int64 `json:"content,omitempty"`
	Unpacked int64  `json:"unpacked"`
	// Likeness, of Changed: the part of all names in either layer that both have with
	// the same content, 0 to 1.
	Likeness *float64 `json:"likeness,omitempty"`
	// What differs, of Reattributed.
	What []Attribute `json:"what,omitempty"`
	// Elsewhere says that a layer that is not the same stands elsewhere in the stack, too.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// StepChanged says that both steps are known, and differ.
	StepChanged bool `json:"stepChanged,omitempty"`
}

// LayerSide is a layer of one side.
type LayerSide struct {
	Number   int    `json:"number"` // from 1, bottom first
	Digest   string `json:"digest,omitempty"`
	DiffID   string `json:"diffId"`
	Content  *int64 `json:"content,omitempty"`
	Unpacked int64  `json:"unpacked"`
	Files    int64  `json:"files"` // names that are neither directories nor whiteouts
	Step     *Step  `json:"step,omitempty"`
}

// Step is the build step that made a layer.
type Step struct {
	Short     string `json:"short"`               // in one line, for people
	CreatedBy string `json:"createdBy,omitempty"` // whole, as in the config
}

// Cause is a pair of layers by which the images differ. Old and New are their numbers; 0
// is none.
type Cause struct {
	Relation Relation `json:"relation"`
	Old      int      `json:"old,omitempty"`
	New      int      `json:"new,omitempty"`
	Step     *Step    `json:"step,omitempty"` // of the new layer, or of one that is gone
	Content  *int64   `json:"content,omitempty"`
	Unpacked int64    `json:"unpacked"` // the change
	// Rewritten is the bytes of files that have another content, the larger of both.
	Rewritten int64 `json:"rewritten"`
	// Parts are what in the layers it is, the largest change first. They add up to
	// Unpacked.
	Parts []Part `json:"parts,omitempty"`
}

// PartKind says what a Part is.
type PartKind string

// The kinds of parts.
const (
	PartPackage   PartKind = "package"
	PartDirectory PartKind = "directory" // what no package owns below it, but for other parts
	PartFile      PartKind = "file"
)

// Part is a part of a layer's change: a package, or the files below a directory that no
// package owns and that are in no other part.
type Part struct {
	Kind PartKind `json:"kind"`
	// Path is of a directory or a file.
	*layer.Named
	Package *PackageChange `json:"package,omitempty"`
	// Added and Removed are the bytes that the new layer has and the old one has not,
	// and the other way; of a file that grew, what it grew by. Change is Added less
	// Removed.
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Change  int64 `json:"change"`
	Files   int64 `json:"files"` // names that differ

	rewritten int64
}

// Sum counts files and their unpacked bytes.
type Sum struct {
	Files int64 `json:"files"` // names that are no directories
	Dirs  int64 `json:"dirs"`
	Old   int64 `json:"old"`
	New   int64 `json:"new"`
}

// FileSums are the sums over the paths that differ, of each kind New less Old. All kinds'
// add up to Change.
type FileSums struct {
	Added    Sum `json:"added"`
	Deleted  Sum `json:"deleted"`
	Modified Sum `json:"modified"`
	Replaced Sum `json:"replaced"`
	Ignored  Sum `json:"ignored,omitzero"` // what the filter does not take
	// Change is by how much the files that a container sees changed, and Hidden by how
	// much those did that it does not see, because later layers overwrite or delete
	// them; hard links to lower layers' files count for a container and are carried by
	// no layer. The two add up to the report's Unpacked.Change.
	Change int64 `json:"change"`
	Hidden int64 `json:"hidden"`
}

func hash(h v1.Hash) string {
	if h == (v1.Hash{}) {
		return ""
	}
	return h.String()
}

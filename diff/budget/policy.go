// Package budget says whether an image keeps to what a team allows it: how large it may
// be, by how much it may grow, what must be in it and what must not.
//
// A Policy is what is allowed, from wherever it was read. Check compares it with images,
// and asks for what the layers hold only where a rule cannot be decided without. Its
// Report says of every rule what was measured and what was allowed, and of those that are
// broken why.
package budget

import "time"

// Policy is what is allowed.
type Policy struct {
	// File is what the policy was read from, as people call it; "" is no file.
	File    string
	Budgets []Budget
}

// Position is a place in the policy's file, from 1; the zero value is none.
type Position struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Budget is the rules for some images.
type Budget struct {
	Name string
	At   Position
	// Image is what is checked where no image is named; "" is nothing.
	Image string
	// Match are patterns of the references that the budget is for; see Matches.
	Match []string
	// Baseline and Anchor are references of what growth is measured against: what the
	// image is to replace, and a fixed point. "" is none.
	Baseline, Anchor string
	// Base is a reference of the image that this one is built on; "" is what can be found
	// out.
	Base      string
	OnMissing OnMissing
	// Platforms are those that are checked; none is the usual one.
	Platforms []string
	Rules     []Rule
	Waivers   []Waiver
}

// OnMissing says what it is that a baseline is not there.
type OnMissing string

// What a missing baseline can be.
const (
	MissingFails OnMissing = "fail" // the usual one
	MissingWarns OnMissing = "warn"
	MissingPass  OnMissing = "pass"
)

// Kind says what a rule is about.
type Kind string

// The kinds of rules.
const (
	Max         Kind = "max"                 // how large something may be
	Growth      Kind = "growth"              // by how much it may grow
	Layers      Kind = "layers"              // how many there may be
	Reclaimable Kind = "reclaimable"         // bytes that layers carry and no container sees
	Forbid      Kind = "forbid"              // what must be in no layer
	Require     Kind = "require"             // what a container must see
	Base        Kind = "base"                // what the image must be built on
	Rebuilt     Kind = "rebuilt-for-nothing" // layers that differ from the baseline's by times only
	Fetch       Kind = "fetch"               // what a host with the baseline must fetch
	Duplicate   Kind = "duplicate"           // bytes of files that the image shows several times
	User        Kind = "user"                // whom the image runs as
	Platforms   Kind = "platforms"           // for which the image must be there
)

// Kinds are all of them, in the order in which they are told.
var Kinds = []Kind{Max, Growth, Layers, Reclaimable, Forbid, Require, Base, Rebuilt, Fetch, Duplicate, User, Platforms}

// Level says what a broken rule is.
type Level string

// The levels.
const (
	Fail Level = "fail" // the usual one
	Warn Level = "warn" // it is told, and the check passes
)

// Measure is which bytes a rule is about.
type Measure string

// The measures.
const (
	Content  Measure = "content"  // compressed bytes, which a pull moves
	Unpacked Measure = "unpacked" // bytes of the files that the layers carry
)

// Against is what a rule compares with.
type Against string

// What there is to compare with.
const (
	Baseline Against = "baseline" // the usual one
	Anchor   Against = "anchor"
)

// Rule is one thing that is demanded. Which fields count depends on its kind; the zero
// value of one that does not count is right.
type Rule struct {
	Kind  Kind
	Name  string // what it is called by waivers and reports; "" is its kind
	At    Position
	Level Level
	Why   string // what people are told when it is broken, in the team's own words

	Of     Measure // of Max and Growth; "" is Content, but for scopes that have only Unpacked
	Within Scope   // of Max and Growth; of Forbid and Require, but for files
	Since  Against // of Growth, Rebuilt and Fetch
	Limit  Limit   // of Max, Growth, Reclaimable, Fetch and Duplicate
	Count  int     // of Layers and Rebuilt: how many there may be
	// Paths are patterns of Forbid and Require, in which ** is any directories. One that
	// begins with a slash is from the root, another matches at any depth. What matches
	// takes all that is below it along; of DIR/** only that is taken.
	Paths []string
	// Setuid, of Forbid, is files with a setuid or setgid bit, or capabilities; Secrets
	// is files that hold private keys. Either adds to Paths.
	Setuid, Secrets bool
	// Everywhere, of Forbid, has the layers looked at, too, that the baseline has.
	Everywhere bool
	BaseIs     BaseRule // of Base
	Users      []string // of User: who it may be; none is anyone but root
	Platforms  []string // of Platforms
}

// Called is what people call the rule.
func (r *Rule) Called() string {
	if r.Name != "" {
		return r.Name
	}
	return string(r.Kind)
}

// BaseRule is what an image must be built on.
type BaseRule struct {
	Is     []string      // patterns of references, of which one must do
	MaxAge time.Duration // since the base was made; 0 is any
	Pinned bool          // the build must have named it by a digest
}

// Scope is the part of an image that a rule is about. The zero value is all of it; at
// most one field is set.
type Scope struct {
	Own     bool   // what is above the base
	Layer   int    // one layer, from 1
	Step    string // the layers whose build step matches a pattern, in which * is anything
	Path    string // what matches a pattern, as Rule.Paths
	Package string // a kind of packages, as deb, or KIND/NAME, in which NAME is a pattern
}

// Limit is a number of bytes, a part of a whole in percent, or both.
type Limit struct {
	Bytes   *int64
	Percent *float64
	// Either says of both that one that is exceeded is enough to break the rule; else
	// both must be.
	Either bool
}

// Waiver lets a rule be broken.
type Waiver struct {
	At     Position
	From   string    // where it is from, if not from the policy's file: "commit 1f2e3d"
	Rule   string    // what the rule is called, or its kind
	Path   string    // of Forbid: a pattern of the paths it is for; "" is all
	Limit  *Limit    // up to what measure the rule may be broken; nil is any
	Until  time.Time // the last moment; the zero time is for ever
	Reason string
	Owner  string
}

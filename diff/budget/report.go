package budget

import (
	"time"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
)

// ReportVersion is the version of Report. It changes when a field goes or changes its
// meaning, not when one is added.
const ReportVersion = "layers.check/v1"

// Outcome says how a rule, or all of them, came out.
type Outcome string

// The outcomes, the worst first.
const (
	Failed  Outcome = "fail"
	Warned  Outcome = "warn"    // broken, and the check passes all the same
	Waived  Outcome = "waived"  // broken, and a waiver lets it be
	Unknown Outcome = "skipped" // it could not be checked, which is said and lets the check pass
	Passed  Outcome = "ok"
)

// Report says whether images keep to their budgets.
type Report struct {
	Version string  `json:"version"`
	Outcome Outcome `json:"outcome"`           // the worst of all: fail, warn or ok
	Policy  string  `json:"policy,omitempty"`  // the file; absent if there is none
	Default bool    `json:"default,omitempty"` // there is no rule anywhere, and the usual ones hold
	// Images are in the order in which they were asked for, and of one image each
	// platform that was checked.
	Images []ImageReport `json:"images"`
	// Waivers are all that could have counted, and what became of them.
	Waivers []WaiverReport `json:"waivers,omitempty"`
}

// ImageReport is what became of an image, for one platform.
type ImageReport struct {
	Outcome  Outcome `json:"outcome"`
	Budget   string  `json:"budget,omitempty"` // its name in the file
	Name     string  `json:"name"`
	Digest   string  `json:"digest,omitempty"`
	Platform string  `json:"platform,omitempty"`
	Baseline *Other  `json:"baseline,omitempty"`
	Anchor   *Other  `json:"anchor,omitempty"`
	// Content is compressed bytes, each blob once; Old is the baseline's, and 0 without
	// one.
	Content diff.Amount `json:"content"`
	// Layers counts the image's, and Shared those of them that the baseline has, too.
	Layers  int      `json:"layers"`
	Shared  int      `json:"shared"`
	Results []Result `json:"results"`
}

// Other is what an image was compared with.
type Other struct {
	Name    string `json:"name"`
	Digest  string `json:"digest,omitempty"`
	How     string `json:"how,omitempty"`     // how it was found, if not by the name that was given
	Missing string `json:"missing,omitempty"` // why it is not there
}

// Unit is what Measured and Allowed count.
type Unit string

// The units.
const (
	Bytes Unit = "bytes"
	Count Unit = "count"
)

// Result is how one rule came out.
type Result struct {
	Rule    string   `json:"rule"` // what it is called
	Kind    Kind     `json:"kind"`
	At      Position `json:"at,omitzero"` // in the policy's file
	Outcome Outcome  `json:"outcome"`
	// Why says in one sentence why it could not be checked, or why it failed where no
	// numbers say so.
	Why string `json:"why,omitempty"`
	// Note is the team's own word on the rule, where it is broken.
	Note  string  `json:"note,omitempty"`
	Scope string  `json:"scope,omitempty"` // the part of the image, as people call it; absent is all
	Of    Measure `json:"of,omitempty"`    // of bytes
	Since Against `json:"since,omitempty"`
	// Measured is what there is, or of growth the change, of which Before and After are
	// both ends; Percent is Measured as a part of Whole, where that is not 0.
	Unit     Unit     `json:"unit,omitempty"`
	Measured int64    `json:"measured"`
	Percent  *float64 `json:"percent,omitempty"`
	Whole    int64    `json:"whole,omitempty"`
	Before   int64    `json:"before,omitempty"`
	After    int64    `json:"after,omitempty"`
	Allowed  *Allowed `json:"allowed,omitempty"`
	// Matches are of Forbid what was found, of Require the patterns that found nothing, of
	// other kinds the values that are not allowed; the first ones, and how many there are.
	Matches []Match `json:"matches,omitempty"`
	Matched int     `json:"matched,omitempty"`
	// Causes explain a failure in bytes: the largest first, of which there may be more
	// than are here; Rest is what those explain.
	Causes []Cause `json:"causes,omitempty"`
	Rest   int64   `json:"rest,omitempty"`
	Hint   *Hint   `json:"hint,omitempty"`
	More   string  `json:"more,omitempty"` // the command that shows more
	Waiver string  `json:"waiver,omitempty"`
	// Lacking says that the image or file that it compares with is missing.
	Lacking bool `json:"lacking,omitempty"`
}

// Allowed is a rule's limit.
type Allowed struct {
	Bytes   *int64   `json:"bytes,omitempty"`
	Percent *float64 `json:"percent,omitempty"`
	Either  bool     `json:"either,omitempty"` // see Limit
	Count   *int     `json:"count,omitempty"`
	// Values are what kinds without a number ask for: of Forbid and Require the patterns,
	// of Base, User and Platforms what must be.
	Values []string `json:"values,omitempty"`
}

// Match is something that must not be there, or that is not there.
type Match struct {
	*layer.Named        // of a path
	Value        string `json:"value,omitempty"` // of what is no path; of Require the pattern
	Kind         string `json:"kind,omitempty"`  // "file", "dir" …
	Bytes        int64  `json:"bytes"`
	Layer        int    `json:"layer,omitempty"` // from 1
	Step         string `json:"step,omitempty"`  // in one line
	// What says why it matched, where its path does not: "setuid", "private key".
	What string `json:"what,omitempty"`
	// DeletedBy is the layer that deletes or overwrites it, which leaves it where it is
	// for everyone who pulls the image; 0 is none.
	DeletedBy int `json:"deletedBy,omitempty"`
	// Below says that only its deletion is in a layer that was looked at: it is in a layer
	// below.
	Below bool `json:"below,omitempty"`
}

// Cause is a layer that explains a failure.
type Cause struct {
	Layer    int           `json:"layer"` // of the image; of the baseline if Relation is gone
	Relation diff.Relation `json:"relation,omitempty"`
	Step     *diff.Step    `json:"step,omitempty"`
	Bytes    int64         `json:"bytes"` // in the measure of the rule
	// Unpacked is what its parts add up to, where Bytes are compressed; 0 if nothing is
	// known of them.
	Unpacked int64 `json:"unpacked,omitempty"`
	// Parts are what in the layer it is, in unpacked bytes, the largest first.
	Parts []diff.Part `json:"parts,omitempty"`
	// Files are the largest ones among them.
	Files []File `json:"files,omitempty"`
}

// File is a file, and by how many unpacked bytes it counts.
type File struct {
	layer.Named
	Bytes int64 `json:"bytes"`
}

// Hint is what people can do.
type Hint struct {
	Code string `json:"code"` // which advice: one of a few words, stable
	Text string `json:"text"` // what to do, in one line
	// Example is what to write, and File where: ".dockerignore", "Dockerfile".
	Example string `json:"example,omitempty"`
	File    string `json:"file,omitempty"`
}

// WaiverState says what became of a waiver.
type WaiverState string

// The states of waivers.
const (
	WaiverUsed    WaiverState = "used"
	WaiverUnused  WaiverState = "unused"
	WaiverExpired WaiverState = "expired"  // it would have counted
	WaiverSmall   WaiverState = "exceeded" // it does not go as far as what was measured
)

// WaiverReport is a waiver, and what became of it.
type WaiverReport struct {
	State  WaiverState `json:"state"`
	Budget string      `json:"budget,omitempty"`
	Rule   string      `json:"rule"`
	Path   string      `json:"path,omitempty"`
	At     Position    `json:"at,omitzero"`
	From   string      `json:"from,omitempty"`
	Until  *time.Time  `json:"until,omitempty"`
	Reason string      `json:"reason,omitempty"`
	Owner  string      `json:"owner,omitempty"`
}

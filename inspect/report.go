package inspect

import (
	"time"

	"github.com/layers/layers/cache/layer"
)

// The versions of the reports. A version changes when a field goes or changes
// its meaning, not when one is added.
const (
	ReportVersion      = "layers.inspect/v1"     // of Report
	ReclaimableVersion = "layers.reclaimable/v1" // of ReclaimableReport
	LayerVersion       = "layers.layer/v1"       // of LayerReport
	DirsVersion        = "layers.dirs/v1"        // of DirsReport
	ListVersion        = "layers.ls/v1"          // of Listing
	WhyVersion         = "layers.why/v1"         // of WhyReport
	BaseVersion        = "layers.base/v1"        // of BaseReport
	PullPlanVersion    = "layers.pull-plan/v1"   // of PullPlan
)

// Report is what one image is made of.
type Report struct {
	Version     string      `json:"version"`
	Image       ImageInfo   `json:"image"`
	Totals      Totals      `json:"totals"`
	Base        *Base       `json:"base,omitempty"`
	Own         *Part       `json:"own,omitempty"` // what is not the base's; absent if no base is known
	Config      Config      `json:"config"`
	Layers      []LayerInfo `json:"layers"` // bottom first
	Empty       []EmptyStep `json:"emptySteps"`
	Reclaimable Reclaimable `json:"reclaimable"`
	Notes       []Note      `json:"notes"`
}

// ImageInfo says which image a report is about.
type ImageInfo struct {
	Name         string        `json:"name,omitempty"`
	Digest       string        `json:"digest,omitempty"` // of the manifest
	Index        string        `json:"index,omitempty"`  // of the image index it was chosen from
	ConfigDigest string        `json:"configDigest,omitempty"`
	ChainID      string        `json:"chainId,omitempty"`
	MediaType    string        `json:"mediaType,omitempty"`
	Platform     string        `json:"platform,omitempty"` // "linux/arm64/v8"
	Created      *time.Time    `json:"created,omitempty"`
	Author       string        `json:"author,omitempty"`
	Distribution *Distribution `json:"distribution,omitempty"`
}

// Distribution is what the image's os-release file says.
type Distribution struct {
	Name    string `json:"name,omitempty"` // PRETTY_NAME
	ID      string `json:"id,omitempty"`
	Version string `json:"version,omitempty"` // VERSION_ID
}

// Totals are sums over all layers of an image. A layer that stands in the stack
// twice has its content counted once, for it is pulled once; its files count each
// time, as the lower ones are hidden by the upper.
type Totals struct {
	Content  int64 `json:"content"`  // compressed bytes of the blobs
	Unpacked int64 `json:"unpacked"` // bytes of the regular files that the layers carry
	Layers   int   `json:"layers"`
	Files    int64 `json:"files"`
}

// Base is the image that another one was built on: its layers are the lowest ones
// of the other's. Content and Unpacked are the base's part of the Totals; the rest is
// the image's own.
type Base struct {
	Name     string    `json:"name"` // the first of its names; its short digest if it has none
	Digest   string    `json:"digest,omitempty"`
	Layers   int       `json:"layers"`
	Content  int64     `json:"content"`
	Unpacked int64     `json:"unpacked"`
	Sure     Certainty `json:"sure"`
}

// Config is what the image's configuration says of how to run it. Of environment
// variables only the names are told, for the values may be secrets.
type Config struct {
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	EnvNames   []string          `json:"envNames,omitempty"` // in the order of the config
	User       string            `json:"user,omitempty"`
	WorkingDir string            `json:"workingDir,omitempty"`
	Ports      []string          `json:"ports,omitempty"`   // sorted
	Volumes    []string          `json:"volumes,omitempty"` // sorted
	StopSignal string            `json:"stopSignal,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// LayerInfo is one layer in numbers.
type LayerInfo struct {
	Number      int    `json:"number"` // from 1, bottom first
	Digest      string `json:"digest"`
	DiffID      string `json:"diffId"`
	MediaType   string `json:"mediaType,omitempty"`
	Compression string `json:"compression,omitempty"` // "none", "gzip" or "zstd", by content
	Content     int64  `json:"content"`
	Unpacked    int64  `json:"unpacked"`
	// Share is the layer's part of the image's unpacked bytes, 0 to 1.
	Share       float64      `json:"share"`
	Files       int64        `json:"files"`
	Dirs        int64        `json:"dirs"`
	Whiteouts   int64        `json:"whiteouts"`
	TarSize     int64        `json:"tarSize"`
	Reclaimable int64        `json:"reclaimable"` // unpacked bytes in it that later layers hide
	Base        bool         `json:"base"`
	Step        *Step        `json:"step,omitempty"` // absent where the history does not tell
	Lints       *LintSummary `json:"lints,omitempty"`
}

// LintSummary counts what is odd about a layer. Of a layer with very many odd
// entries the codes count the first only, so their sum may be less than Total.
type LintSummary struct {
	Total int                    `json:"total"`
	Codes map[layer.LintCode]int `json:"codes"`
}

// Note is something about an image that a user should know, such as parts of it
// that contradict each other.
type Note struct {
	Code   NoteCode `json:"code"`
	Layer  int      `json:"layer,omitempty"` // 0 for the image
	Detail string   `json:"detail"`
}

// NoteCode names a kind of Note.
type NoteCode string

// The kinds of notes.
const (
	NoteHistory     NoteCode = "history-mismatch"    // the history tells of another number of layers: no step is attributed
	NoteNoHistory   NoteCode = "no-history"          // there are layers and no history
	NoteDiffIDs     NoteCode = "diff-ids-mismatch"   // the config's diff_ids are not those of the layers
	NoteMediaType   NoteCode = "media-type-mismatch" // a layer is compressed in another way than its media type says
	NoteRepeated    NoteCode = "repeated-layer"      // a layer stands in the stack more than once
	NoteForeignBlob NoteCode = "foreign-layer"       // a layer is fetched from elsewhere, by its urls
)

// ReclaimableReport is the part of a Report that says what later layers hide.
type ReclaimableReport struct {
	Version     string      `json:"version"`
	Image       ImageInfo   `json:"image"`
	Totals      Totals      `json:"totals"`
	Reclaimable Reclaimable `json:"reclaimable"`
}

// ReclaimableReport returns the report's part about hidden bytes as a report of
// its own.
func (r *Report) ReclaimableReport() *ReclaimableReport {
	return &ReclaimableReport{Version: ReclaimableVersion, Image: r.Image, Totals: r.Totals, Reclaimable: r.Reclaimable}
}

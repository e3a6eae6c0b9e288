package diff

import "context"

// VerdictVersion is the version of Verdict.
const VerdictVersion = "layers.diff-same/v1"

// Verdict says whether two images are the same for a container that is made of them: in
// their files, and in their configuration. Layers, compressors and build steps do not
// matter.
type Verdict struct {
	Version    string         `json:"version"`
	Old        Side           `json:"old"`
	New        Side           `json:"new"`
	Same       bool           `json:"same"`
	SameFiles  bool           `json:"sameFiles"`
	SameConfig bool           `json:"sameConfig"`
	Changes    []Row          `json:"changes"` // the first, by path
	Truncated  bool           `json:"truncated"`
	Config     []ConfigChange `json:"config"`
}

// SameOptions guides Same. The zero value works.
type SameOptions struct {
	FilesOptions
	Filter  Filter
	ShowEnv bool
	Limit   int // how many paths that differ are told of; 0 is all
}

// Same looks for differences until it has found enough of them.
func Same(ctx context.Context, old, new *Image, o SameOptions) (*Verdict, error) {
	list, err := List(ctx, old, new, ListOptions{FilesOptions: o.FilesOptions, Filter: o.Filter, Limit: o.Limit})
	if err != nil {
		return nil, err
	}
	v := &Verdict{Version: VerdictVersion, Old: old.side(), New: new.side(), Changes: []Row{}, Config: []ConfigChange{}}
	c := &comparison{old: old, new: new, o: Options{ShowEnv: o.ShowEnv}}
	for _, change := range c.config() {
		if change.Field != "history" && change.Field != "author" {
			v.Config = append(v.Config, change)
		}
	}
	for row, err := range list.Rows() {
		if err != nil {
			return nil, err
		}
		v.Changes = append(v.Changes, row)
	}
	v.Truncated = list.Truncated()
	v.SameFiles, v.SameConfig = len(v.Changes) == 0, len(v.Config) == 0
	v.Same = v.SameFiles && v.SameConfig
	return v, nil
}

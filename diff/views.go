package diff

// The versions of the parts of a Report that stand alone.
const (
	LayersVersion   = "layers.diff-layers/v1"
	PackagesVersion = "layers.diff-packages/v1"
	ConfigVersion   = "layers.diff-config/v1"
)

// LayersReport is what became of the layers alone.
type LayersReport struct {
	Version string      `json:"version"`
	Old     Side        `json:"old"`
	New     Side        `json:"new"`
	Layers  []LayerPair `json:"layers"`
}

// LayersReport is the part of the report that is about layers.
func (r *Report) LayersReport() *LayersReport {
	return &LayersReport{Version: LayersVersion, Old: r.Old, New: r.New, Layers: r.Layers}
}

// PackagesReport is the packages that differ alone.
type PackagesReport struct {
	Version  string         `json:"version"`
	Old      Side           `json:"old"`
	New      Side           `json:"new"`
	Packages PackageChanges `json:"packages"`
}

// PackagesReport is the part of the report that is about packages; nil if they were not
// looked for.
func (r *Report) PackagesReport() *PackagesReport {
	if r.Packages == nil {
		return nil
	}
	return &PackagesReport{Version: PackagesVersion, Old: r.Old, New: r.New, Packages: *r.Packages}
}

// ConfigReport is what differs in the configuration alone.
type ConfigReport struct {
	Version string         `json:"version"`
	Old     Side           `json:"old"`
	New     Side           `json:"new"`
	Config  []ConfigChange `json:"config"`
}

// ConfigReport is the part of the report that is about the configuration.
func (r *Report) ConfigReport() *ConfigReport {
	return &ConfigReport{Version: ConfigVersion, Old: r.Old, New: r.New, Config: r.Config}
}

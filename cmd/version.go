package cmd

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionReport is the answer of layers version.
type versionReport struct {
	SchemaVersion int    `json:"schemaVersion"`
	Version       string `json:"version"`
	Commit        string `json:"commit,omitempty"`
	Time          string `json:"time,omitempty"` // of the commit
	Modified      bool   `json:"modified,omitempty"`
	Go            string `json:"go"`
	Platform      string `json:"platform"`
}

// buildVersion says what the Go tool wrote into the program.
func buildVersion() versionReport {
	v := versionReport{SchemaVersion: 1, Version: "(devel)", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersion(p *program) *cobra.Command {
	var out outputFlags
	c := &cobra.Command{
		Use:   "version [flags]",
		Short: "which build of layers this is",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return render(p, out, buildVersion(), writeVersion)
		},
	}
	out.format(c, formatsValue)
	out.file(c)
	return describe(c, manual{
		long:     "Say which build of layers this is.",
		examples: []string{"layers version", "layers version -f json", "layers version -f '{{.Commit}}'"},
	})
}

func writeVersion(w io.Writer, v versionReport) error {
	line, written := liner(w)
	line("layers %s", v.Version)
	if v.Commit != "" {
		modified := ""
		if v.Modified {
			modified = " and changes"
		}
		line("commit    %s%s, %s", v.Commit, modified, v.Time)
	}
	line("go        %s", v.Go)
	line("platform  %s", v.Platform)
	return written()
}

package report

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// noPolicy is the place of rules that are in no file, for what cannot do without one: it
// is where they would be.
const noPolicy = ".layers.yaml"

// gitlabIssue is an entry of GitLab's code quality report.
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
}

var severities = map[budget.Outcome]string{budget.Failed: "major", budget.Warned: "minor", budget.Waived: "info"}

// writeGitLab writes the rules that are broken.
func writeGitLab(w io.Writer, r *budget.Report, o Options) error {
	issues, keys := []gitlabIssue{}, checkKeys{}
	for i := range r.Images {
		of := &r.Images[i]
		for k := range of.Results {
			result := &of.Results[k]
			id := fingerprint(keys, of, result)
			severity := severities[result.Outcome]
			if severity == "" {
				continue
			}
			location := gitlabLocation{Path: noPolicy, Lines: gitlabLines{Begin: 1}}
			if r.Policy != "" {
				location.Path = strings.TrimPrefix(o.Escape(r.Policy), "./")
				location.Lines.Begin = max(result.At.Line, 1)
			}
			issues = append(issues, gitlabIssue{o.message(r, of, result), "layers check: " + o.Escape(result.Rule), id, severity, location})
		}
	}
	return writeJSON(w, issues)
}

// fingerprint tells a rule of an image and a platform from all others, and is the same
// for the next version of the image: its tag does not count.
func fingerprint(keys checkKeys, i *budget.ImageReport, r *budget.Result) string {
	sum := sha256.Sum256([]byte(keys.next(untagged(i.Name), i.Platform, i.Budget, r.Rule, string(r.Kind), r.Scope)))
	return hex.EncodeToString(sum[:16])
}

// untagged is an image's name without its tag and digest.
func untagged(name string) string {
	name, _, _ = strings.Cut(name, "@")
	slash := strings.LastIndexByte(name, '/')
	if colon := strings.LastIndexByte(name, ':'); colon > slash {
		return name[:colon]
	}
	return name
}

package report

import (
	"cmp"
	"io"
	"net/url"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// These are the parts of SARIF 2.1.0 that a check fills.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Prints       map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification,omitempty"`
	}
)

// kindTexts say what a rule of each kind is about.
var kindTexts = map[budget.Kind]string{
	budget.Max: "how large something may be", budget.Growth: "by how much it may grow", budget.Layers: "how many layers there may be",
	budget.Reclaimable: "how many bytes layers may carry that no container sees", budget.Forbid: "what must be in no layer",
	budget.Require: "what a container must see", budget.Base: "what the image must be built on",
	budget.Rebuilt: "how many layers may differ from the baseline's by times only", budget.Fetch: "what a host with the baseline may have to fetch",
	budget.Duplicate: "how many bytes of files the image may show several times", budget.User: "whom the image may run as",
	budget.Platforms: "for which platforms the image must be there",
}

var sarifLevels = map[budget.Outcome]string{budget.Failed: "error", budget.Warned: "warning", budget.Waived: "note"}

// writeSARIF writes the rules that are broken as results; one that is waived is
// suppressed. What could not be checked is a notification of the run: no alert.
func writeSARIF(w io.Writer, r *budget.Report, o Options) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "layers", Rules: []sarifRule{}}}, Results: []sarifResult{}}
	invocation := sarifInvocation{Successful: true}
	rules, keys := map[string]int{}, checkKeys{}
	for i := range r.Images {
		of := &r.Images[i]
		for k := range of.Results {
			result := &of.Results[k]
			id := o.Escape(result.Rule)
			if _, ok := rules[id]; !ok {
				rules[id] = len(run.Tool.Driver.Rules)
				text := cmp.Or(kindTexts[result.Kind], o.Escape(string(result.Kind)))
				run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{id, sarifText{text}})
			}
			s := o.sarifResult(r, of, result, fingerprint(keys, of, result))
			s.RuleID, s.RuleIndex = id, rules[id]
			switch {
			case s.Level != "":
				run.Results = append(run.Results, s)
			case result.Outcome == budget.Unknown:
				invocation.Notifications = append(invocation.Notifications, sarifNotification{"note", s.Message})
			}
		}
	}
	run.Invocations = []sarifInvocation{invocation}
	return writeJSON(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// sarifResult has no level if the rule is not broken.
func (o Options) sarifResult(r *budget.Report, i *budget.ImageReport, result *budget.Result, fingerprint string) sarifResult {
	s := sarifResult{
		Level: sarifLevels[result.Outcome], Message: sarifText{o.message(r, i, result)}, Locations: []sarifLocation{o.sarifLocation(r, i, result)},
		Prints: map[string]string{"layersCheck/v1": fingerprint, "primaryLocationLineHash": fingerprint + ":1"}, // GitHub takes the second alone
	}
	if result.Outcome == budget.Waived {
		s.Suppressions = []sarifSuppression{{"external", o.oneLine(result.Waiver)}}
	}
	return s
}

func (o Options) sarifLocation(r *budget.Report, i *budget.ImageReport, result *budget.Result) sarifLocation {
	l := sarifLocation{Logical: []sarifLogical{{o.subject(i), "resource"}}}
	if r.Policy != "" {
		l.Physical = &sarifPhysical{Artifact: sarifArtifact{fileURI(r.Policy)}}
		if result.At.Line > 0 {
			l.Physical.Region = &sarifRegion{result.At.Line, max(result.At.Column, 0)}
		}
	}
	return l
}

// fileURI is a path as a reference: relative ones are to the root of the repository.
func fileURI(path string) string {
	u := url.URL{Path: strings.TrimPrefix(path, "./")}
	if strings.HasPrefix(path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}

package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// WriteGitHub writes workflow commands, by which GitHub annotates what a rule is written
// in: an error for a rule that is broken, a warning for one that only warns, a notice
// for one that is waived or could not be checked, and for a waiver that has run out or
// does not go far enough. Its summary of a step is the report as Markdown.
func WriteGitHub(w io.Writer, r *budget.Report, o Options) error {
	out := newPrinter(w, Options{})
	for i := range r.Images {
		for _, result := range byOutcome(r.Images[i].Results) {
			if name := annotations[result.Outcome]; name != "" {
				out.text(workflowCommand(name, r.Policy, result.At, "layers check: "+o.Escape(result.Rule), o.message(r, &r.Images[i], result)))
			}
		}
	}
	for i := range r.Waivers {
		if v := &r.Waivers[i]; v.State == budget.WaiverExpired || v.State == budget.WaiverSmall {
			text := joined(", ", o.waiverItems(r, v)...)
			out.text(workflowCommand("notice", r.Policy, v.At, "layers check: waiver "+string(v.State), text))
		}
	}
	return out.flush()
}

var annotations = map[budget.Outcome]string{budget.Failed: "error", budget.Warned: "warning", budget.Waived: "notice", budget.Unknown: "notice"}

// workflowCommand is one line, whatever is in it.
func workflowCommand(name, file string, at budget.Position, title, text string) string {
	var properties []string
	add := func(key, value string) {
		properties = append(properties, key+"="+githubProperty.Replace(value))
	}
	if file != "" && at.Line > 0 {
		add("file", Options{}.Escape(file))
		add("line", strconv.Itoa(at.Line))
		if at.Column > 0 {
			add("col", strconv.Itoa(at.Column))
		}
	}
	add("title", title)
	return "::" + name + " " + strings.Join(properties, ",") + "::" + githubData.Replace(text) + "\n"
}

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

package report

import (
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

// metric is a family of gauges. Its unit is the end of its name.
type metric struct{ name, unit, help string }

// sample is one number of a family.
type sample struct {
	labels []string // names and values in turn
	value  string
}

var (
	metricPassed   = metric{"layers_check_passed", "", "1 if the image keeps to its budget, else 0."}
	metricContent  = metric{"layers_check_content_bytes", "bytes", "Compressed bytes of the image, each blob once."}
	metricBaseline = metric{"layers_check_baseline_content_bytes", "bytes", "Compressed bytes of the image that it was compared with."}
	metricLayers   = metric{"layers_check_layers", "", "Layers of the image."}
	metricShared   = metric{"layers_check_shared_layers", "", "Layers that the image that it was compared with has, too."}
	metricFailed   = metric{"layers_check_rule_failed", "", "1 if the rule is broken and fails the check, else 0."}
	metricBroken   = metric{"layers_check_rule_broken", "", "1 if the rule is broken, also where that is waived or only warned of, else 0."}
	metricBytes    = metric{"layers_check_measured_bytes", "bytes", "What the rule measured, of growth the change."}
	metricCount    = metric{"layers_check_measured", "", "What the rule counted."}
	metricMatched  = metric{"layers_check_matches", "", "How much is there that must not be, or is not there that must be."}
	metricRatio    = metric{"layers_check_measured_ratio", "ratio", "What the rule measured, as a part of a whole."}
	metricMaxBytes = metric{"layers_check_allowed_bytes", "bytes", "What the rule allows."}
	metricMaxCount = metric{"layers_check_allowed", "", "How many the rule allows."}
	metricMaxRatio = metric{"layers_check_allowed_ratio", "ratio", "What the rule allows, as a part of a whole."}
	metricWaivers  = metric{"layers_check_waivers", "", "Waivers by what became of them."}
)

// metrics are all families, in the order in which they are written.
var metrics = []*metric{
	&metricPassed, &metricContent, &metricBaseline, &metricLayers, &metricShared, &metricFailed, &metricBroken, &metricBytes, &metricCount,
	&metricMatched, &metricRatio, &metricMaxBytes, &metricMaxCount, &metricMaxRatio, &metricWaivers,
}

type samples map[*metric][]sample

func (s samples) add(m *metric, labels []string, value string) {
	s[m] = append(s[m], sample{labels, value})
}

func (s samples) integer(m *metric, labels []string, n int64) {
	s.add(m, labels, strconv.FormatInt(n, 10))
}

func (s samples) truth(m *metric, labels []string, is bool) {
	n := int64(0)
	if is {
		n = 1
	}
	s.integer(m, labels, n)
}

func (s samples) percent(m *metric, labels []string, p *float64) {
	if p != nil && !math.IsNaN(*p) && !math.IsInf(*p, 0) {
		s.add(m, labels, strconv.FormatFloat(*p/100, 'g', -1, 64))
	}
}

// writeOpenMetrics writes the numbers of a check as OpenMetrics text, version 1.0, without
// times: who collects them knows when. No two samples have the same labels; where rules
// are called alike, all but the first have a number.
func writeOpenMetrics(w io.Writer, r *budget.Report, _ Options) error {
	all := samples{}
	images, rules := map[string]bool{}, map[string]bool{}
	for i := range r.Images {
		of := &r.Images[i]
		platform, in := term.Escape(of.Platform), term.Escape(of.Budget)
		name := numbered(images, term.Escape(of.Name), platform, in)
		labels := []string{"image", name, "platform", platform, "budget", in}
		all.image(of, labels)
		for k := range of.Results {
			result := &of.Results[k]
			rule := numbered(rules, term.Escape(result.Rule), name, platform, in)
			all.result(result, append(labels[:len(labels):len(labels)], "rule", rule))
		}
	}
	count := map[budget.WaiverState]int64{}
	for i := range r.Waivers {
		count[r.Waivers[i].State]++
	}
	for _, state := range []budget.WaiverState{budget.WaiverUsed, budget.WaiverUnused, budget.WaiverExpired, budget.WaiverSmall} {
		all.integer(&metricWaivers, []string{"state", string(state)}, count[state])
	}
	return all.write(w)
}

// numbered is a name that no other of the same key has: where one has it, it gets a
// number.
func numbered(taken map[string]bool, name string, key ...string) string {
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate += " #" + strconv.Itoa(n)
		}
		full := strings.Join(append(key[:len(key):len(key)], candidate), "\x00")
		if !taken[full] {
			taken[full] = true
			return candidate
		}
	}
}

func (s samples) image(i *budget.ImageReport, labels []string) {
	s.truth(&metricPassed, labels, i.Outcome != budget.Failed)
	s.integer(&metricContent, labels, i.Content.New)
	s.integer(&metricLayers, labels, int64(i.Layers))
	if there(i.Baseline) {
		s.integer(&metricBaseline, labels, i.Content.Old)
		s.integer(&metricShared, labels, int64(i.Shared))
	}
}

func (s samples) result(r *budget.Result, labels []string) {
	if a := r.Allowed; a != nil {
		if a.Bytes != nil {
			s.integer(&metricMaxBytes, labels, *a.Bytes)
		}
		if a.Count != nil {
			s.integer(&metricMaxCount, labels, int64(*a.Count))
		}
		s.percent(&metricMaxRatio, labels, a.Percent)
	}
	if r.Outcome == budget.Unknown {
		return
	}
	s.truth(&metricFailed, labels, r.Outcome == budget.Failed)
	s.truth(&metricBroken, labels, broken(r))
	s.percent(&metricRatio, labels, r.Percent)
	switch {
	case r.Unit == budget.Bytes:
		s.integer(&metricBytes, labels, r.Measured)
	case r.Unit == budget.Count:
		s.integer(&metricCount, labels, r.Measured)
	}
	if r.Kind == budget.Forbid || r.Kind == budget.Require {
		s.integer(&metricMatched, labels, int64(r.Matched))
	}
}

func (s samples) write(w io.Writer) error {
	out := newPrinter(w, Options{})
	for _, m := range metrics {
		if len(s[m]) == 0 {
			continue
		}
		out.text("# TYPE " + m.name + " gauge\n")
		if m.unit != "" {
			out.text("# UNIT " + m.name + " " + m.unit + "\n")
		}
		out.text("# HELP " + m.name + " " + metricEscapes.Replace(m.help) + "\n")
		for _, one := range s[m] {
			out.text(m.name + labelText(one.labels) + " " + one.value + "\n")
		}
	}
	out.text("# EOF\n")
	return out.flush()
}

var metricEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// labelText writes labels, whose values are what people are shown. An empty one is as good as none, and is left out.
func labelText(labels []string) string {
	var list []string
	for i := 0; i < len(labels); i += 2 {
		if labels[i+1] != "" {
			list = append(list, labels[i]+`="`+metricEscapes.Replace(labels[i+1])+`"`)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "{" + strings.Join(list, ",") + "}"
}

package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// These say in words what was measured, and what is allowed. What they return is
// escaped.

// outcomeWords are the outcomes as people see them, of which no colour is needed to tell
// them apart.
var outcomeWords = map[budget.Outcome]string{
	budget.Failed: "FAIL", budget.Warned: "WARN", budget.Waived: "waived", budget.Unknown: "skipped", budget.Passed: "ok",
}

func (o Options) outcome(out budget.Outcome) string {
	return cmp.Or(outcomeWords[out], o.foreign(string(out)))
}

// foreign escapes what comes from an image or a file, and marks it off where a format
// needs that.
func (o Options) foreign(s string) string { return o.quoted(o.Escape(s)) }

// foreignLine is foreign, with its white space folded.
func (o Options) foreignLine(s string) string { return o.quoted(o.oneLine(s)) }

func (o Options) quoted(escaped string) string {
	if o.quote == nil || escaped == "" {
		return escaped
	}
	return o.quote(escaped)
}

// joined puts what is not empty together.
func joined(separator string, list ...string) string {
	var kept []string
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, separator)
}

// measured is what there is.
func (o Options) measured(r *budget.Result) string {
	switch {
	case r.Outcome == budget.Unknown:
		return ""
	case r.Unit == budget.Bytes:
		return joined(" ", o.amount(r, r.Measured), percentText(r))
	case r.Kind == budget.Forbid:
		return plural(int64(r.Matched), "path") + " found"
	case r.Kind == budget.Require && r.Outcome == budget.Passed:
		return "nothing missing"
	case r.Kind == budget.Require:
		return Count(int64(r.Matched)) + " missing"
	case r.Unit == budget.Count && r.Kind == budget.Layers:
		return plural(r.Measured, "layer")
	case r.Unit == budget.Count && r.Kind == budget.Rebuilt:
		return plural(r.Measured, "layer") + " rebuilt for nothing"
	case r.Unit == budget.Count:
		return Count(r.Measured)
	case r.Kind == budget.Platforms && r.Matched > 0:
		return "lacks " + o.values(r)
	}
	return o.values(r)
}

// amount is bytes of a rule: changes have their sign.
func (o Options) amount(r *budget.Result, n int64) string {
	if r.Kind == budget.Growth {
		return o.change(n)
	}
	return o.Units.Bytes(n)
}

func percentText(r *budget.Result) string {
	switch {
	case r.Percent == nil || r.Measured == 0:
		return ""
	case r.Kind == budget.Growth:
		return fmt.Sprintf("(%+.1f %%)", *r.Percent)
	}
	return fmt.Sprintf("(%.1f %%)", *r.Percent)
}

// values are what is there and is not allowed, of kinds that have neither numbers nor
// paths.
func (o Options) values(r *budget.Result) string {
	const most = 3
	var list []string
	for i := range r.Matches {
		if i < most {
			list = append(list, o.foreignLine(matchName(&r.Matches[i])))
		}
	}
	if more := max(r.Matched, len(r.Matches)) - len(list); more > 0 && len(list) > 0 {
		list = append(list, Count(int64(more))+" more")
	}
	return strings.Join(list, ", ")
}

func matchName(m *budget.Match) string {
	if m.Named != nil && m.Value == "" {
		return m.Path
	}
	return m.Value
}

var mustWords = map[budget.Kind]string{
	budget.Forbid: "must not have ", budget.Require: "must have ", budget.Base: "must be on ", budget.User: "must be ", budget.Platforms: "must have ",
}

// allowed is the limit, and on which side of it the image is.
func (o Options) allowed(r *budget.Result) string {
	a := r.Allowed
	if a == nil {
		return ""
	}
	if len(a.Values) > 0 {
		return cmp.Or(mustWords[r.Kind], "must be ") + o.allowedValues(a.Values)
	}
	limit := o.limit(a)
	switch {
	case limit == "":
		return ""
	case broken(r) && !r.Lacking:
		return "over " + limit
	case r.Kind == budget.Growth || r.Outcome == budget.Unknown || r.Lacking:
		return "limit " + limit
	}
	return "of " + limit
}

// figures are what was measured and what is allowed: "168 MB of 200 MB" is one.
func (o Options) figures(r *budget.Result) []string {
	measured, allowed := o.measured(r), o.allowed(r)
	if r.Outcome == budget.Passed && len(r.Allowed.Values) > 0 {
		allowed = "" // what is as it must be needs no list of that
	}
	if measured != "" && strings.HasPrefix(allowed, "of ") {
		return []string{measured + " " + allowed}
	}
	return []string{measured, allowed}
}

func (o Options) allowedValues(values []string) string {
	const most = 5
	var list []string
	for i, v := range values {
		if i == most {
			list = append(list, Count(int64(len(values)-most))+" more")
			break
		}
		list = append(list, o.foreignLine(v))
	}
	return strings.Join(list, ", ")
}

func (o Options) limit(a *budget.Allowed) string {
	bytes, percent, count := "", "", ""
	if a.Bytes != nil {
		bytes = o.roundBytes(*a.Bytes)
	}
	if a.Percent != nil {
		percent = strconv.FormatFloat(*a.Percent, 'f', -1, 64) + " %"
	}
	if a.Count != nil {
		count = Count(int64(*a.Count))
	}
	if a.Either {
		return joined(" or ", bytes, percent, count)
	}
	return joined(" and ", bytes, percent, count)
}

// roundBytes has no zeros behind the point: people write limits without.
func (o Options) roundBytes(n int64) string {
	number, unit, ok := strings.Cut(o.Units.Bytes(n), " ")
	if !ok || !strings.Contains(number, ".") {
		return o.Units.Bytes(n)
	}
	return strings.TrimRight(strings.TrimRight(number, "0"), ".") + " " + unit
}

// facts are what else the numbers are about.
func (o Options) facts(r *budget.Result) []string {
	var of, scope, since string
	switch {
	case r.Kind == budget.Growth && r.Outcome != budget.Unknown && (r.Before != 0 || r.After != 0):
		of = joined(" ", o.measure(r.Of), o.Units.Bytes(r.Before)+o.arrow()+o.Units.Bytes(r.After))
	case r.Of != "" && r.Of != budget.Content:
		of = o.measure(r.Of) + " bytes"
	}
	if r.Scope != "" {
		scope = "of " + o.foreignLine(r.Scope)
	}
	if r.Since == budget.Anchor {
		since = "since the anchor"
	}
	return []string{of, scope, since}
}

func (o Options) measure(of budget.Measure) string {
	if of == budget.Content || of == budget.Unpacked {
		return string(of)
	}
	return o.foreign(string(of))
}

// sentence is all of it in one line.
func (o Options) sentence(r *budget.Result) string {
	list := append(o.figures(r), o.facts(r)...)
	return cmp.Or(joined(", ", append(list, o.foreignLine(r.Why))...), o.outcome(r.Outcome))
}

// place is where a rule or a waiver stands.
func (o Options) place(r *budget.Report, at budget.Position) string {
	if r.Policy == "" || at.Line <= 0 {
		return ""
	}
	return o.foreign(r.Policy + ":" + strconv.Itoa(at.Line))
}

// rulesOf says where the rules of an image come from.
func (o Options) rulesOf(r *budget.Report, i *budget.ImageReport) string {
	switch {
	case r.Default:
		return "rules: the usual ones, as there are no others"
	case r.Policy == "":
		return "rules: of the command line"
	case i.Budget == "":
		return "rules: " + o.foreign(r.Policy)
	}
	return "rules: " + o.foreign(r.Policy) + " (" + o.foreign("images."+i.Budget) + ")"
}

// subject is the image and, if there is one, its platform.
func (o Options) subject(i *budget.ImageReport) string {
	if i.Platform == "" {
		return o.foreign(i.Name)
	}
	return o.foreign(i.Name) + " (" + o.foreign(i.Platform) + ")"
}

// there reports whether an image is there to compare with.
func there(of *budget.Other) bool { return of != nil && of.Missing == "" }

// missing says of what there is nothing to compare with.
func (o Options) missing(i *budget.ImageReport) (list []string) {
	const only = ": only rules that need none could be checked"
	switch {
	case i.Baseline == nil:
		list = append(list, "no baseline"+only)
	case i.Baseline.Missing != "":
		list = append(list, "baseline "+o.foreign(i.Baseline.Name)+" is missing ("+o.foreignLine(i.Baseline.Missing)+")"+only)
	}
	if i.Anchor != nil && i.Anchor.Missing != "" {
		list = append(list, "anchor "+o.foreign(i.Anchor.Name)+" is missing ("+o.foreignLine(i.Anchor.Missing)+")")
	}
	return list
}

// grown is by how much an image's content changed since its baseline.
func (o Options) grown(i *budget.ImageReport) string {
	if !there(i.Baseline) {
		return ""
	}
	switch a := i.Content; {
	case a.Change < 0:
		return joined(" ", "smaller by", o.Units.Bytes(-a.Change), growth(a))
	case a.Change > 0:
		return joined(" ", "larger by", o.Units.Bytes(a.Change), growth(a))
	}
	return "as large"
}

// checkVerdict is what became of all rules, in one sentence.
func (o Options) checkVerdict(r *budget.Report) string {
	n, total, lacking := map[budget.Outcome]int{}, 0, 0
	for i := range r.Images {
		for k := range r.Images[i].Results {
			total++
			if result := &r.Images[i].Results[k]; result.Lacking && result.Outcome == budget.Failed {
				lacking++
			} else {
				n[result.Outcome]++
			}
		}
	}
	of, rest := "of "+plural(int64(total), "rule"), ""
	if n[budget.Waived] > 0 {
		rest += fmt.Sprintf(", %d waived", n[budget.Waived])
	}
	if n[budget.Unknown] > 0 {
		rest += fmt.Sprintf(", %d not checked", n[budget.Unknown])
	}
	if lacking > 0 && n[budget.Failed] > 0 {
		rest += fmt.Sprintf(", %d could not be checked", lacking)
	}
	word := o.Escape(string(r.Outcome)) + ": "
	switch {
	case total == 0:
		return word + "there is no rule to check"
	case n[budget.Failed] > 0 && n[budget.Warned] > 0:
		return word + fmt.Sprintf("%d %s broken, %d more would only warn", n[budget.Failed], of, n[budget.Warned]) + rest
	case n[budget.Failed] > 0:
		return word + fmt.Sprintf("%d %s broken", n[budget.Failed], of) + rest
	case lacking > 0:
		return word + fmt.Sprintf("%d %s could not be checked", lacking, of) + rest
	case n[budget.Warned] > 0:
		return word + fmt.Sprintf("%d %s broken, which only warns", n[budget.Warned], of) + rest
	}
	return word + fmt.Sprintf("%d %s kept", n[budget.Passed], of) + rest
}

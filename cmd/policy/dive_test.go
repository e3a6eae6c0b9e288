package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/diff/budget"
)

func TestParseDiveCITranslatesItsRules(t *testing.T) {
	p, notes, err := ParseDiveCI(".dive-ci", []byte("rules:\n  # words\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20Mb\n  highestUserWastedPercent: 0.20\n"))
	if err != nil {
		t.Fatal(err)
	}
	rule := func(name string, line int, l budget.Limit) budget.Rule {
		return budget.Rule{Kind: budget.Reclaimable, Name: name, At: at(line, 3), Level: budget.Fail, Limit: l}
	}
	want := &budget.Policy{File: ".dive-ci", Budgets: []budget.Budget{{Match: []string{"**"}, OnMissing: budget.MissingFails, Rules: []budget.Rule{
		rule("lowestEfficiency", 3, budget.Limit{Percent: part(5)}),
		rule("highestWastedBytes", 4, budget.Limit{Bytes: size(20e6)}),
		rule("highestUserWastedPercent", 5, budget.Limit{Percent: part(20)}),
	}}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v\nwant %+v", p, want)
	}
	begins := []string{
		"lowestEfficiency is translated to reclaimable: 5%.", "highestWastedBytes is translated to reclaimable: 20000000B.",
		"highestUserWastedPercent is translated to reclaimable: 20%.", "Dive does not count files in a directory",
	}
	if !slices.EqualFunc(notes, begins, strings.HasPrefix) {
		t.Errorf("notes: %s", strings.Join(notes, "\n"))
	}
}

func TestParseDiveCIOfRulesThatAreOffOrUnsaid(t *testing.T) {
	for _, c := range []struct {
		text  string
		rules []string
		notes []string
	}{
		{"rules: {}\n", []string{"lowestEfficiency 10", "highestUserWastedPercent 10"}, []string{
			"The file does not say lowestEfficiency: dive takes 0.9, and so does this.",
			"The file does not say highestUserWastedPercent: dive takes 0.1, and so does this.",
		}},
		{"rules:\n  lowestEfficiency: disabled\n  highestUserWastedPercent: \"off\"\n  highestWastedBytes: false\n", nil, nil},
		{"rules:\n  lowestEfficiency: DISABLED\n  highestUserWastedPercent: \"\"\n", nil, nil},
		{"plugins: [x]\nrules:\n  lowestEfficiency: disabled\n  highestUserWastedPercent: 1\n  plugin1/rule1: error\n  highestWastedByte: 5MB\n", []string{"highestUserWastedPercent 100"}, []string{
			`"plugins" on line 1: dive does not read it, and neither does this.`,
			`"plugin1/rule1" on line 5 is no rule of dive, which passes over it.`,
			`"highestWastedByte" on line 6 is no rule of dive, which passes over it. Did you mean highestWastedBytes?`,
		}},
	} {
		p, notes, err := ParseDiveCI("f", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var got []string
		for _, r := range p.Budgets[0].Rules {
			got = append(got, fmt.Sprintf("%s %v", r.Name, *r.Limit.Percent))
		}
		if !slices.Equal(got, c.rules) || len(notes) < len(c.notes) || !slices.Equal(notes[:len(c.notes)], c.notes) {
			t.Errorf("%s: %q, notes %q", c.text, got, notes)
		}
	}
}

func TestParseDiveCISaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":               "f:1:1: the file is empty",
		"- a\n":          "f:1:1: the file is a list, not a mapping of keys to values",
		"rules: [a]\n":   "f:1:8: rules is a list, not a mapping of keys to values",
		"rules:\n":       `f:1:1: "rules" has no value`,
		"rules: {a: 1\n": "f:1:1: this is no YAML: did not find expected ',' or '}'",
		"rules: {lowestEfficiency: 95%, highestWastedBytes: lots, highestUserWastedPercent: -1}\n": `f:1:27: lowestEfficiency is "95%": dive has numbers from 0 to 1, as 0.95
f:1:52: highestWastedBytes is "lots": dive has sizes such as 20MB
f:1:84: highestUserWastedPercent is "-1": dive has numbers from 0 to 1, as 0.95`,
		"rules: {lowestEfficiency: NaN}\n":                       `f:1:27: lowestEfficiency is "NaN": dive has numbers from 0 to 1, as 0.95`,
		"rules: {lowestEfficiency: 1, lowestEfficiency: 0.5}\n":  `f:1:30: "lowestEfficiency" is here twice: first on line 1`,
		"rules: {highestWastedBytes: 99999999999999999999999}\n": `f:1:29: highestWastedBytes is "99999999999999999999999": dive has sizes such as 20MB`,
		"rules: {highestWastedBytes: [1]}\n":                     `f:1:29: highestWastedBytes is a list`,
	} {
		p, notes, err := ParseDiveCI("f", []byte(text))
		var e *Error
		if p != nil || notes != nil || !errors.As(err, &e) || e.Error() != want {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

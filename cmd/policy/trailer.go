package policy

import (
	"strings"

	"github.com/layers/layers/diff/budget"
)

// ParseTrailer reads the value of a commit's trailer that waives a rule: RULE REASON, or
// RULE=LIMIT REASON. It holds as long as the commit is looked at, and up to the limit.
func ParseTrailer(text string) (budget.Waiver, error) {
	rule, reason, _ := strings.Cut(strings.TrimSpace(text), " ")
	rule, limit, limited := strings.Cut(rule, "=")
	w := budget.Waiver{Rule: rule, Reason: strings.TrimSpace(reason)}
	switch {
	case rule == "":
		return w, &wrong{"no rule is named", "as in growth=20MB the new model"}
	case w.Reason == "":
		return w, &wrong{show(text) + " has no reason", "as in growth=20MB the new model"}
	case !limited:
		return w, nil
	}
	l, err := ParseLimit(limit)
	w.Limit = &l
	return w, err
}

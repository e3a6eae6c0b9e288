package policy

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff/budget"
)

const limitForm = "a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%"

// wrong is an error that knows what to write instead.
type wrong struct{ text, hint string }

// Error is what is wrong, and what to write.
func (e *wrong) Error() string { return Mistake{Text: e.text, Hint: e.hint}.String() }

// ParseLimit reads a limit: a size, a percentage, or one of each, with "and" between
// them where both must be exceeded and "or" where one is enough. A comma is an "and". A
// size has a unit, but for 0; a space before the unit is right, too.
func ParseLimit(text string) (budget.Limit, error) {
	var l budget.Limit
	first, second, both := text, "", false
	for _, word := range []string{" and ", " or ", ","} {
		if a, b, ok := strings.Cut(text, word); ok {
			first, second, both, l.Either = a, b, true, word == " or "
			break
		}
	}
	if err := addPart(&l, first); err != nil {
		return budget.Limit{}, err
	}
	if !both {
		return l, nil
	}
	if err := addPart(&l, second); err != nil {
		return budget.Limit{}, err
	}
	if l.Bytes == nil || l.Percent == nil {
		return budget.Limit{}, &wrong{show(text) + " has two limits of one kind", limitForm}
	}
	return l, nil
}

// addPart reads one half of a limit. The second of a kind takes the first one's place.
func addPart(l *budget.Limit, text string) error {
	text = strings.Trim(text, " ")
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := parsePercent(text, strings.TrimSuffix(number, " "))
		l.Percent = &p
		return err
	}
	b, err := parseSize(text)
	l.Bytes = &b
	return err
}

func parsePercent(text, number string) (float64, error) {
	switch digits, rest := cutNumber(number); {
	case strings.HasPrefix(text, "-"):
		return 0, &wrong{show(text) + " is negative", ""}
	case digits == "" || rest != "":
		return 0, &wrong{show(text) + " is no percentage", "write a number and %, as in 3% or 0.5%"}
	}
	const most = 1e9
	p, err := strconv.ParseFloat(number, 64)
	if err != nil || p > most {
		return 0, &wrong{show(text) + " is too much", ""}
	}
	return p, nil
}

func parseSize(text string) (int64, error) {
	number, unit := cutNumber(text)
	switch {
	case text == "0":
		return 0, nil
	case text == "":
		return 0, &wrong{"a limit is missing", limitForm}
	case strings.HasPrefix(text, "-"):
		return 0, &wrong{show(text) + " is negative", ""}
	case number == "":
		return 0, &wrong{show(text) + " is no limit", limitForm}
	case unit == "":
		return 0, &wrong{show(text) + " has no unit", fmt.Sprintf("write %sB for bytes, %sMB for megabytes or %s%% for a part", number, number, number)}
	}
	unit = strings.TrimPrefix(unit, " ")
	if !isUnit(unit) {
		const known = "units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB"
		return 0, &wrong{fmt.Sprintf("%s: %s is no unit", show(text), show(unit)), didYouMean(unit, units, known)}
	}
	n, err := report.ParseBytes(text)
	if err != nil {
		return 0, &wrong{show(text) + " is too much", "the most is " + strconv.FormatInt(math.MaxInt64, 10) + "B"}
	}
	return n, nil
}

var units = []string{"B", "kB", "MB", "GB", "TB", "PB", "EB", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// isUnit says whether a word is a unit, in any case, with its B or without.
func isUnit(word string) bool {
	_, err := report.ParseBytes("1" + word)
	return err == nil && strings.Trim(word, "bBkKmMgGtTpPeEiI") == "" && word != ""
}

// cutNumber cuts off a number that is written in digits, with a point or without.
func cutNumber(text string) (number, rest string) {
	const digits = "0123456789"
	rest = strings.TrimLeft(text, digits)
	if len(rest) == len(text) {
		return "", text
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		if end := strings.TrimLeft(after, digits); len(end) < len(after) {
			rest = end
		}
	}
	return text[:len(text)-len(rest)], rest
}

// limit reads the limit of a rule.
func (r *reader) limit(n *yaml.Node, what string) (budget.Limit, bool) {
	if !r.plain(n, what) {
		return budget.Limit{}, false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float":
	default:
		r.add(n, limitForm, "%s is %s, not a limit", what, typeOf(n))
		return budget.Limit{}, false
	}
	l, err := ParseLimit(n.Value)
	return l, r.right(n, what, err)
}

// percent says what is wrong with the percentage of a rule's limit: nil is nothing.
func percent(r *budget.Rule, l budget.Limit) *wrong {
	if l.Percent == nil {
		return nil
	}
	whole := ""
	switch r.Kind {
	case budget.Max:
		if r.Within == (budget.Scope{}) {
			return &wrong{"a percentage of the whole image is of nothing", "give a size, or say within what part of the image"}
		}
		whole = "the whole image"
	case budget.Reclaimable, budget.Duplicate:
		whole = "the image's unpacked bytes"
	case budget.Fetch:
		whole = "the image's content"
	}
	if whole != "" && *l.Percent >= 100 {
		return &wrong{fmt.Sprintf("%v%% of %s is never exceeded", *l.Percent, whole), ""}
	}
	return nil
}

// implies says whether whatever exceeds the one limit exceeds the other, too, however
// large the whole is. What a limit does not have counts as 0 where both must be exceeded.
func implies(l, other budget.Limit) bool {
	bytes, part := amounts(l)
	otherBytes, otherPart := amounts(other)
	switch {
	case other.Either && !l.Either:
		return bytes >= otherBytes || part >= otherPart
	case !other.Either && l.Either:
		return otherBytes == 0 && otherPart == 0
	}
	return bytes >= otherBytes && part >= otherPart
}

// amounts are both parts of a limit. Where one is enough and one is 0, anything exceeds it.
func amounts(l budget.Limit) (bytes int64, part float64) {
	if l.Bytes != nil {
		bytes = *l.Bytes
	}
	if l.Percent != nil {
		part = *l.Percent
	}
	if l.Either && (bytes == 0 || part == 0) {
		return 0, 0
	}
	return bytes, part
}

package policy

import (
	"strings"
	"unicode/utf8"

	"github.com/layers/layers/cmd/spelling"
)

// didYouMean is a hint for a word that is none of those that are known: the nearest one,
// if it is near, else what hint says.
func didYouMean(word string, known []string, hint string) string {
	if near := closest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return hint
}

// closest is the word that another is most likely a slip of: one letter, and one in four,
// may be wrong, missing, too many or swapped with its neighbour; or an end is missing or
// too much. "" is none.
func closest(word string, known []string) string {
	const longest = 64 // edits are counted in time of the product of the lengths
	if len(word) > longest {
		return ""
	}
	spelt := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(word))
	best, least := "", min(1+utf8.RuneCountInString(word)/4, 3)+1
	for _, k := range known {
		if n := spelling.Edits(spelt, strings.ToLower(k)); n < least && n < len(k) {
			best, least = k, n
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, k := range known {
		if len(k) >= 3 && strings.HasPrefix(spelt, k) || strings.HasPrefix(k, spelt) {
			return k
		}
	}
	return ""
}

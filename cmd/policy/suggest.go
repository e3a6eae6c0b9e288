package policy

import (
	"strings"
	"unicode/utf8"
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
		if n := edits(spelt, strings.ToLower(k)); n < least && n < len(k) {
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

// edits is the distance of Damerau and Levenshtein, with no letter moved twice.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

package cmd

import (
	"slices"
	"strings"

	"github.com/layers/layers/cmd/spelling"
	"github.com/layers/layers/diff/budget"
)

// closest returns the candidates that name is most likely a slip of, best first,
// at most three. Comparing is by edits: one for each letter that is wrong, missing,
// too many or swapped with its neighbour. How many are a slip is measured by what is
// behind the last slash: that two names share a registry makes them no more alike.
func closest(name string, candidates []string) []string {
	const longest = 200 // edits are counted in time of the product of the lengths
	if len(name) > longest {
		return nil
	}
	most := min(1+len(name[strings.LastIndexByte(name, '/')+1:])/4, 3)
	type scored struct {
		name  string
		edits int
	}
	var near []scored
	for _, c := range candidates {
		if len(c) > longest || c == name {
			continue
		}
		if n := spelling.Edits(name, c); n <= most {
			near = append(near, scored{c, n})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.edits - b.edits })
	var names []string
	for _, s := range near {
		if len(names) < 3 && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	return names
}

// nearNames are the names that one may have been meant to be: all of it, or, where
// it has no tag or one that is not there, its repository.
func nearNames(name string, names []string) []string {
	if near := closest(name, names); len(near) > 0 {
		return near
	}
	repository, of := repositoryOf(name), map[string][]string{}
	var repositories []string
	for _, n := range names {
		r := repositoryOf(n)
		repositories = append(repositories, r)
		of[r] = append(of[r], n)
	}
	near := of[repository]
	for _, r := range closest(repository, repositories) {
		near = append(near, of[r]...)
	}
	return near[:min(len(near), 3)]
}

// repositoryOf cuts a tag or digest off a name.
func repositoryOf(name string) string { return budget.SplitReference(name).Repository }

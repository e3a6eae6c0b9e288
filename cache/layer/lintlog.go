package layer

import (
	"cmp"
	"slices"
)

// maxLints bounds how many lints a TOC lists; all are counted.
const maxLints = 1000

// maxLintText bounds the bytes of a lint's path and detail, so that a log of
// hostile names stays small.
const maxLintText = 4096

// lintLog keeps the first maxLints lints by path, whatever the order they come in.
type lintLog struct {
	list  []Lint
	total int
}

func (l *lintLog) add(lint Lint) {
	l.total++
	lint.Path = lint.Path[:min(len(lint.Path), maxLintText)]
	lint.Detail = lint.Detail[:min(len(lint.Detail), maxLintText)]
	l.list = append(l.list, lint)
	if len(l.list) >= 2*maxLints {
		l.trim()
	}
}

func (l *lintLog) trim() []Lint {
	slices.SortStableFunc(l.list, compareLints)
	if len(l.list) > maxLints {
		l.list = slices.Clip(l.list[:maxLints])
	}
	return l.list
}

func compareLints(a, b Lint) int {
	if c := ComparePaths(a.Path, b.Path); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Code, b.Code); c != 0 {
		return c
	}
	return cmp.Compare(a.Detail, b.Detail)
}

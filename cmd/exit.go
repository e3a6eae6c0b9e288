package cmd

import (
	"fmt"
	"strings"
)

// The exit codes of the program.
const (
	exitDone        = 0
	exitNo          = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitAuth        = 4
	exitTemporary   = 5
	exitDamaged     = 6
	exitHost        = 7
	exitBug         = 70
	exitInterrupted = 130
	exitPipe        = 141
)

// exitMeaning says, for help, what each code means; exitPipe is left to its topic.
var exitMeaning = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitNo, "the answer is no"},
	{exitUsage, "wrong usage"},
	{exitNotFound, "not found (image, tag, platform, path)"},
	{exitAuth, "authentication"},
	{exitTemporary, "temporary (network, rate limit, lock): try again"},
	{exitDamaged, "damaged data"},
	{exitHost, "this host cannot do it"},
	{exitBug, "a bug"},
	{exitInterrupted, "interrupted"},
}

// The exit codes that commands have beside 0, 2, 70 and 130, which all have.
var (
	storeExits = []int{exitHost}
	imageExits = []int{exitNotFound, exitAuth, exitTemporary, exitDamaged, exitHost}
)

// exitHelp lists, one a line, what a command's exit codes mean.
func exitHelp(codes []int) string {
	has := map[int]bool{exitDone: true, exitUsage: true, exitBug: true, exitInterrupted: true}
	for _, c := range codes {
		has[c] = true
	}
	var b strings.Builder
	for _, e := range exitMeaning {
		if has[e.code] {
			fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
		}
	}
	return b.String()
}

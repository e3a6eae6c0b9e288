//go:build linux

package tools

import (
	"strconv"
	"strings"
	"time"
)

var sleep = Tool{Name: "sleep", Usage: "SECONDS", About: "wait", run: runSleep}

func runSleep(c *call) error {
	if len(c.Args) != 1 {
		return misused("for how many seconds?")
	}
	seconds, err := strconv.ParseFloat(strings.TrimSuffix(c.Args[0], "s"), 64)
	if err != nil || !(seconds >= 0 && seconds < 1e9) {
		return misused("%s is no number of seconds", quoted(c.Args[0]))
	}
	select {
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	}
}

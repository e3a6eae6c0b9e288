//go:build linux

package tools

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

var umask = Tool{Name: "umask", Usage: "[MODE]", About: "which permissions new files do not get", run: runUmask}

func runUmask(c *call) error {
	if len(c.Args) == 0 {
		now := unix.Umask(0)
		unix.Umask(now)
		fmt.Fprintf(c.out, "%04o\n", now)
		return nil
	}
	mode, err := strconv.ParseUint(c.Args[0], 8, 32)
	if len(c.Args) > 1 || err != nil || mode > 0o777 {
		return misused("it is an octal mode")
	}
	unix.Umask(int(mode))
	return nil
}

//go:build linux

package tools

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var kill = Tool{Name: "kill", Usage: "[-SIGNAL] PID...", About: "send a signal (TERM) to processes", run: runKill}

func runKill(c *call) error {
	args, signal := c.Args, unix.SIGTERM
	if len(args) > 1 && args[0] == "-s" {
		args = append([]string{"-" + args[1]}, args[2:]...)
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name := strings.ToUpper(args[0][1:])
		n, err := strconv.Atoi(name)
		if signal = unix.Signal(n); err != nil {
			signal = unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG"))
		}
		if signal <= 0 && name != "0" {
			return misused("no signal %s", quoted(name))
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return misused("which process?")
	}
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			return misused("%s is no process number", quoted(arg))
		}
		if err := unix.Kill(pid, signal); err != nil {
			c.fail(arg, err)
		}
	}
	return nil
}

//go:build linux

package tools

import (
	"fmt"
	"slices"
	"strings"
)

var env = Tool{
	Name: "env", Usage: "[-i] [-u NAME]... [NAME=VALUE]... [COMMAND [ARGUMENT...]]",
	About: "the variables that programs get, or a command with others",
	run:   runEnv,
}

func runEnv(c *call) error {
	args, all := c.Args, slices.Clone(c.Env)
	for len(args) > 0 {
		switch name, _, isVariable := strings.Cut(args[0], "="); {
		case args[0] == "-i" || args[0] == "-":
			all = nil
		case args[0] == "-u" && len(args) > 1:
			args = args[1:]
			all = without(all, args[0])
		case strings.HasPrefix(args[0], "-"):
			return misused("no option %s", quoted(args[0]))
		case isVariable:
			all = append(without(all, name), args[0])
		default:
			return exit(c.Run(c.ctx, args, all))
		}
		args = args[1:]
	}
	for _, e := range all {
		fmt.Fprintln(c.out, e)
	}
	return nil
}

func without(env []string, name string) []string {
	return slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

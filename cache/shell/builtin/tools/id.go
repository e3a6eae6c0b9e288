//go:build linux

package tools

import (
	"fmt"
	"os"
	"strings"
)

var id = Tool{Name: "id", Usage: "[-u | -g | -G] [-n]", About: "who you are: user, group and other groups; -n names", run: runID}

func runID(c *call) error {
	given, _, err := c.options("ugGn")
	if err != nil {
		return err
	}
	which, named := byte(0), false
	for _, o := range given {
		if o.letter == 'n' {
			named = true
		} else {
			which = o.letter
		}
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	groups, err := allGroups(gid)
	if err != nil {
		return err
	}
	text := func(id uint32, name string) string {
		if named {
			return owner(name, id)
		}
		return owner("", id)
	}
	switch which {
	case 'u':
		fmt.Fprintln(c.out, text(uid, c.user(uid)))
	case 'g':
		fmt.Fprintln(c.out, text(gid, c.group(gid)))
	case 'G':
		var all []string
		for _, g := range groups {
			all = append(all, text(g, c.group(g)))
		}
		fmt.Fprintln(c.out, strings.Join(all, " "))
	default:
		var all []string
		for _, g := range groups {
			all = append(all, both(g, c.group(g)))
		}
		fmt.Fprintf(c.out, "uid=%s gid=%s groups=%s\n", both(uid, c.user(uid)), both(gid, c.group(gid)), strings.Join(all, ","))
	}
	return nil
}

func allGroups(first uint32) ([]uint32, error) {
	others, err := os.Getgroups()
	all := []uint32{first}
	for _, g := range others {
		if uint32(g) != first {
			all = append(all, uint32(g))
		}
	}
	return all, err
}

func both(id uint32, name string) string {
	if name == "" {
		return owner("", id)
	}
	return fmt.Sprintf("%d(%s)", id, name)
}

//go:build linux

package tools

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var readlink = Tool{
	Name: "readlink", Usage: "[-f] [-n] FILE...",
	About: "where links lead, one step; -f to the end, as a path without links",
	run:   runReadlink,
}

func runReadlink(c *call) error {
	given, files, err := c.options("fnem")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return misused("which link?")
	}
	end, whole := "\n", false
	for _, o := range given {
		switch o.letter {
		case 'n':
			end = ""
		default:
			whole = true
		}
	}
	for _, name := range files {
		to, err := c.leads(name, whole)
		if err != nil {
			c.fail(name, err)
			continue
		}
		fmt.Fprint(c.out, c.shown(to), end)
	}
	return nil
}

// leads is where a link leads; the last name of a whole path need not be there.
func (c *call) leads(name string, whole bool) (string, error) {
	if !whole {
		return linkTarget(unix.AT_FDCWD, c.at(name))
	}
	to, err := filepath.EvalSymlinks(c.at(name))
	if err == nil {
		return to, nil
	}
	if _, there := status(unix.AT_FDCWD, c.at(name), false); there == nil {
		return "", err
	}
	dir, missing := filepath.Dir(c.at(name)), filepath.Base(c.at(name))
	if to, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	return filepath.Join(to, missing), nil
}

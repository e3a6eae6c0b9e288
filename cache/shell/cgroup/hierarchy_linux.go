package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// hierarchy is a mounted tree of control groups.
type hierarchy struct {
	mount       string // where it is mounted
	root        string // the group that is seen there
	own         string // this process's group, from the tree's root
	controllers []string
	unified     bool // version 2
}

// dir is where this process's own group is.
func (h *hierarchy) dir() string {
	return path.Join(h.mount, strings.TrimPrefix(h.own, strings.TrimSuffix(h.root, "/")))
}

// hierarchies are those that this process can see: proc(5), mountinfo and cgroup.
func hierarchies() ([]*hierarchy, error) {
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer mounts.Close()
	groups, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	defer groups.Close()
	return readHierarchies(mounts, groups, os.ReadFile)
}

func readHierarchies(mounts, groups io.Reader, read func(string) ([]byte, error)) ([]*hierarchy, error) {
	own, err := readOwn(groups)
	if err != nil {
		return nil, err
	}
	var all []*hierarchy
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		h := parseMount(lines.Text())
		if h == nil {
			continue
		}
		if h.unified {
			h.own = strings.TrimSuffix(own[""], "/"+selfLeaf) // where it made way, it is at home
			data, err := read(path.Join(h.dir(), "cgroup.controllers"))
			if err != nil {
				continue // not of this namespace
			}
			h.controllers = strings.Fields(string(data))
		} else if i := slices.IndexFunc(h.controllers, func(c string) bool { _, ok := own[c]; return ok }); i >= 0 {
			h.own = own[h.controllers[i]]
		}
		all = append(all, h)
	}
	return all, lines.Err()
}

// readOwn gives this process's group by controller; that of version 2 has no name.
func readOwn(r io.Reader) (map[string]string, error) {
	own := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("/proc/self/cgroup: %q", lines.Text())
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			own[name] = parts[2]
		}
	}
	return own, lines.Err()
}

// parseMount reads a line of mountinfo; nil is one of another kind.
func parseMount(line string) *hierarchy {
	left, right, found := strings.Cut(line, " - ")
	before, after := strings.Fields(left), strings.Fields(right)
	if !found || len(before) < 5 || len(after) < 3 {
		return nil
	}
	h := &hierarchy{root: unescape(before[3]), mount: unescape(before[4])}
	switch after[0] {
	case "cgroup2":
		h.unified = true
	case "cgroup":
		h.controllers = strings.Split(after[2], ",")
	default:
		return nil
	}
	return h
}

// unescape reads the octal codes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// with finds the hierarchy of a controller.
func with(all []*hierarchy, controller string) *hierarchy {
	for _, h := range all {
		if slices.Contains(h.controllers, controller) {
			return h
		}
	}
	return nil
}

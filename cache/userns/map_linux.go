package userns

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Range is a run of ids of a user namespace, and which ids they are in the namespace
// around it.
type Range struct{ Inside, Outside, Count uint32 }

// Map is which users and groups a user namespace has.
type Map struct{ UIDs, GIDs []Range }

// Self is the map that every user can have: he is root, and there is nobody else.
func Self() Map {
	one := func(id int) []Range { return []Range{{Inside: 0, Outside: uint32(id), Count: 1}} }
	return Map{UIDs: one(os.Geteuid()), GIDs: one(os.Getegid())}
}

// Current is the map of the user namespace that this process is in.
func Current() (Map, error) {
	uids, err := readMap("/proc/self/uid_map")
	if err != nil {
		return Map{}, err
	}
	gids, err := readMap("/proc/self/gid_map")
	return Map{UIDs: uids, GIDs: gids}, err
}

func readMap(name string) ([]Range, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	all, err := parseMap(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return all, errors.Join(err, f.Close())
}

// parseMap reads user_namespaces(7)'s table.
func parseMap(table io.Reader) (all []Range, err error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		var r Range
		if _, err := fmt.Sscan(lines.Text(), &r.Inside, &r.Outside, &r.Count); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, lines.Err()
}

// Several reports whether there is anybody but root.
func (m Map) Several() bool { return several(m.UIDs) || several(m.GIDs) }

func several(ranges []Range) bool {
	return len(ranges) > 1 || len(ranges) == 1 && ranges[0].Count > 1
}

// Name is the same for all namespaces in which ids mean the same: what is made in one of
// them has, in the others, the owners that it was made with.
func (m Map) Name() string {
	sum := sha256.Sum256([]byte(text(m.UIDs) + "\n" + text(m.GIDs)))
	return hex.EncodeToString(sum[:6])
}

func text(ranges []Range) string {
	var b strings.Builder
	for _, r := range ranges {
		fmt.Fprintf(&b, "%d %d %d\n", r.Inside, r.Outside, r.Count)
	}
	return b.String()
}

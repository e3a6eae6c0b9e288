package shell

import (
	"bufio"
	"fmt"
	"os"
)

// unmapped says which id of an identity this user namespace does not have, if any.
// Groups beside the first that it does not have are dropped: the user gains nothing.
func unmapped(id *Identity) (string, error) {
	uids, err := idRanges("/proc/self/uid_map")
	if err != nil {
		return "", err
	}
	gids, err := idRanges("/proc/self/gid_map")
	if err != nil {
		return "", err
	}
	var kept []uint32
	for _, g := range id.Groups {
		if gids.has(g) {
			kept = append(kept, g)
		}
	}
	id.Groups = kept
	switch {
	case !uids.has(id.UID):
		return fmt.Sprintf("user %d does not exist", id.UID), nil
	case !gids.has(id.GID):
		return fmt.Sprintf("group %d does not exist", id.GID), nil
	}
	return "", nil
}

type idRange struct{ first, size uint64 }

type ranges []idRange

func (r ranges) has(id uint32) bool {
	for _, x := range r {
		if uint64(id) >= x.first && uint64(id) < x.first+x.size {
			return true
		}
	}
	return false
}

// idRanges reads user_namespaces(7)'s map.
func idRanges(name string) (all ranges, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		var r idRange
		var outside uint64
		if _, err := fmt.Sscan(s.Text(), &r.first, &outside, &r.size); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, s.Err()
}

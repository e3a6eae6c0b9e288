package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Identity is who a command runs as.
type Identity struct {
	UID, GID uint32
	Groups   []uint32
	Name     string
	Home     string
}

// The most that is read of an image's /etc/passwd and /etc/group, and of one line.
const (
	maxAccounts = 16 << 20
	maxLine     = 1 << 20
)

// resolveUser finds USER[:GROUP] in the files of an image, as the image specification
// has it: names or numbers, where a name that is all digits is looked for first. Without
// a group, it is the user's own, and those that list him.
func resolveUser(user string, passwd, group io.Reader) (Identity, error) {
	name, groupName, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	id, found, err := findUser(name, passwd)
	if err != nil {
		return id, err
	}
	if !found {
		if id.UID, err = number(name); err != nil {
			return id, &SetupError{Text: fmt.Sprintf("the image has no user %q in /etc/passwd", name)}
		}
		id.Home = "/"
	}
	return id, id.findGroups(groupName, hasGroup && groupName != "", group)
}

func findUser(name string, passwd io.Reader) (id Identity, found bool, err error) {
	byName := false
	err = eachAccount(passwd, func(f []string) {
		uid, bad := number(f[2])
		if len(f) < 6 || bad != nil || byName {
			return
		}
		gid, bad := number(f[3])
		if bad != nil {
			return
		}
		byName = f[0] == name
		if byName || !found && f[2] == name {
			id, found = Identity{UID: uid, GID: gid, Name: f[0], Home: f[5]}, true
		}
	})
	if id.Home == "" {
		id.Home = "/"
	}
	return id, found, err
}

// findGroups finds the group by its name or number, if one is asked for, and those that
// list the user if not.
func (id *Identity) findGroups(name string, asked bool, group io.Reader) error {
	found, byName := false, false
	err := eachAccount(group, func(f []string) {
		gid, bad := number(f[2])
		switch {
		case bad != nil:
		case !asked:
			listed := len(f) > 3 && id.Name != "" && slices.Contains(strings.Split(f[3], ","), id.Name)
			if listed && gid != id.GID && !slices.Contains(id.Groups, gid) && len(id.Groups) < 65536 {
				id.Groups = append(id.Groups, gid)
			}
		case !byName && (f[0] == name || !found && f[2] == name):
			id.GID, found, byName = gid, true, f[0] == name
		}
	})
	if err != nil || !asked || found {
		return err
	}
	if id.GID, err = number(name); err != nil {
		return &SetupError{Text: fmt.Sprintf("the image has no group %q in /etc/group", name)}
	}
	return nil
}

// number is an id that a process can have.
func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = errors.New("-1 is no id")
	}
	return uint32(n), err
}

// eachAccount calls do with the fields, three at least, of each line.
func eachAccount(r io.Reader, do func(fields []string)) error {
	if r == nil {
		return nil
	}
	s := bufio.NewScanner(io.LimitReader(r, maxAccounts))
	s.Buffer(make([]byte, 0, 4096), maxLine)
	for s.Scan() {
		if f := strings.Split(s.Text(), ":"); len(f) >= 3 && !strings.HasPrefix(f[0], "#") {
			do(f)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("the accounts of the image: %w", err)
	}
	return nil
}

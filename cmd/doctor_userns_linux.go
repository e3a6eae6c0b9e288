package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/layers/layers/cache/userns"
)

// checkIDs looks at what an ordinary user needs for images to have their owners: ranges
// of ids (subuid(5)), the programs that map them, and that these do.
func checkIDs() []finding {
	uids, gids, err := userns.Subordinate()
	if err != nil {
		return []finding{{Check: "subuid, subgid", State: stateWarn, What: err.Error()}}
	}
	found := []finding{checkSubIDs("subuid", uids), checkSubIDs("subgid", gids)}
	if os.Geteuid() == 0 {
		return found
	}
	f := finding{Check: "newuidmap", State: stateOK}
	paths, err := userns.Tools()
	f.What = strings.Join(paths, " and ")
	if err == nil {
		err = tryIDs()
	}
	if none, ok := errors.AsType[*userns.UnavailableError](err); ok {
		f.State, f.What, f.Do = stateWarn, none.Text, none.Remedy
		f.Detail = here().obstacle().why
	} else if err != nil {
		f.State, f.What = stateWarn, err.Error()
	} else {
		f.What += ": tried, and the ids can be had"
	}
	return append(found, f)
}

// tryIDs starts this program once more with all ids of the user, where it says its
// version.
func tryIDs() error {
	ids, err := userns.Mine()
	if err != nil {
		return err
	}
	c := userns.Command("version")
	c.Env = append(os.Environ(), "GOCOVERDIR=")
	if err := ids.Start(c); err != nil {
		return err
	}
	return c.Wait()
}

func checkSubIDs(name string, spans []userns.Span) finding {
	f := finding{Check: name, State: stateOK}
	n := 0
	var texts []string
	for _, s := range spans {
		n += int(s.Count)
		texts = append(texts, s.String())
	}
	switch {
	case n > 0:
		f.What = fmt.Sprintf("%s for this user: %s", count(n, "id"), list(texts, 10))
	case os.Geteuid() == 0:
		f.What = "none for root, who needs none"
	default:
		f.State, f.What = stateWarn, "/etc/"+name+" has no ids for this user: in his shells there is only root"
		_, err := userns.Mine()
		if none, ok := errors.AsType[*userns.UnavailableError](err); ok {
			f.Do = none.Remedy
		}
	}
	return f
}

// appArmorProfile lets this program use user namespaces where AppArmor keeps programs
// from them that it does not know, and changes nothing else.
const appArmorProfile = `# Allows layers to use user namespaces for mounts and shells of ordinary users.
abi <abi/4.0>,
include <tunables/global>

profile layers %s flags=(unconfined) {
  userns,

  include if exists <local/layers>
}
`

func (p *program) printAppArmor() error {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return fmt.Errorf("finding the path of this program: %w", err)
	}
	if _, err := fmt.Fprintf(p.stdout, appArmorProfile, appArmorPath(self)); err != nil {
		return &outputError{err: pathCause(err)}
	}
	return nil
}

// appArmorPath is a path as apparmor.d(5) has it, in which nothing is a pattern.
func appArmorPath(path string) string {
	var b strings.Builder
	for _, r := range path {
		if strings.ContainsRune(`\"*?[]{}^`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return `"` + b.String() + `"`
}

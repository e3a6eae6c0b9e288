//go:build vm

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories of hosts that not every machine is: .ci/vm makes them, and .ci/run says
// which is told where. They are told by root and by an ordinary user.

// TestStoriesOfSystemd are of a host whose control groups are systemd's.
func TestStoriesOfSystemd(t *testing.T) { tellOfHost(t, "systemd") }

// TestStoriesWithoutProcessors are of one that does not delegate the controller cpu.
func TestStoriesWithoutProcessors(t *testing.T) { tellOfHost(t, "nocpu") }

// TestStoriesOfDelegation are of a user who has control groups of his own, in $GROUP,
// and no systemd.
func TestStoriesOfDelegation(t *testing.T) { tellOfHost(t, "delegated") }

func tellOfHost(t *testing.T, dir string) {
	tellStoriesBy(t, filepath.Join("testdata", "vm", dir), func(env *testscript.Env) error {
		if err := setup(env); err != nil {
			return err
		}
		for _, name := range []string{"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "GROUP"} {
			env.Setenv(name, os.Getenv(name))
		}
		env.Setenv("LAYERS", "layers")
		return nil
	})
}

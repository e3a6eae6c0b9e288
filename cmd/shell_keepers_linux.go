package cmd

import (
	"fmt"
	"io"

	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cache/shell/console"
	"github.com/layers/layers/cmd/term"
)

// terminalKeeperRole is the argument by which this program knows that it is the keeper of
// a shell's terminal.
const terminalKeeperRole = console.KeeperRole

func terminalKeeperMain(stderr io.Writer) int {
	if err := console.Keep(); err != nil {
		fmt.Fprintf(stderr, "layers: the terminal: %s\n", term.Escape(err.Error()))
		return exitHost
	}
	return exitDone
}

// keeperRole is the first argument by which this program knows that it is the keeper of
// a shell's control groups.
const keeperRole = cgroup.KeeperRole

func keeperMain(dirs []string, stderr io.Writer) int {
	if err := cgroup.Keep(dirs); err != nil {
		fmt.Fprintf(stderr, "layers: %s\n", term.Escape(err.Error()))
		return exitHost
	}
	return exitDone
}

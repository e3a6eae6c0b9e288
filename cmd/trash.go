package cmd

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cmd/term"
)

// trashRole is the first argument by which this program knows that it is to remove what
// a command has thrown away, in the store that the second names.
const trashRole = "empty the trash, of the store"

// emptyTrash has what the command threw away removed by a process that stays behind, so
// that nobody waits for it. If it cannot be started, or is killed, the next command that
// uses the store starts another.
func emptyTrash(store string) {
	self, err := os.Executable()
	if err != nil {
		return
	}
	c := exec.Command(self)
	c.Args = []string{os.Args[0], trashRole, store}
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.Start() == nil {
		_ = c.Process.Release() // it is not waited for
	}
}

// trashMain is the process that stays behind. All others go first.
func trashMain(store string, stderr io.Writer) int {
	const lowest = 19
	err := unix.Setpriority(unix.PRIO_PROCESS, 0, lowest)
	if err == nil {
		err = cache.EmptyTrash(store, true)
	}
	if err != nil {
		fmt.Fprintf(stderr, "layers: %s\n", term.Escape(err.Error()))
		return exitHost
	}
	return exitDone
}

// addWait gives a command that removes much the choice to see the end of it.
func addWait(c *cobra.Command, wait *bool) {
	c.Flags().BoolVar(wait, "wait", false, "return when the files are gone from the disk, which is done in the background else")
}

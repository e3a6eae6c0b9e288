package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/cmd/term"
)

// The exit codes of programs that run others, as of env(1) and podman run.
const (
	exitOwn     = 125
	exitCannot  = 126
	exitNowhere = 127
)

// toldFile is the descriptor of the pipe that says what to do. The one after it is the
// lease, which the command inherits, and all that it starts.
const toldFile = 3

// mountedMain is the process that mounts an image in its own mount namespace, and
// becomes the command.
func mountedMain(stderr io.Writer) int {
	fail := func(code int, err error) int {
		fmt.Fprintf(stderr, "layers: %s\n", term.Escape(err.Error()))
		return code
	}
	told := os.NewFile(toldFile, "pipe")
	var run mountedRun
	if err := errors.Join(json.NewDecoder(told).Decode(&run), told.Close()); err != nil {
		return fail(exitOwn, err)
	}
	if err := run.mount(); err != nil {
		return fail(exitOwn, err)
	}
	path, err := exec.LookPath(run.Command[0])
	if err == nil {
		err = unix.Exec(path, run.Command, append(os.Environ(), "LAYERS_ROOT="+run.At))
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return fail(exitNowhere, err)
	}
	return fail(exitCannot, err)
}

// mount mounts the image where nobody else sees it, and gives up what allowed that.
func (run *mountedRun) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	m, err := mount.New(run.Dirs, mount.Options{UserXattr: run.UserXattr})
	if err != nil {
		return err
	}
	if err := errors.Join(m.Attach(run.At), m.Close()); err != nil {
		return err
	}
	if run.Enter {
		if err := os.Chdir(run.At); err != nil {
			return err
		}
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}

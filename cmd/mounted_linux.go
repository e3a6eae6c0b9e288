package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"

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
	maker := os.Getppid()
	told := os.NewFile(toldFile, "pipe")
	var run mountedRun
	if err := errors.Join(json.NewDecoder(told).Decode(&run), told.Close()); err != nil {
		return fail(exitOwn, err)
	}
	runtime.LockOSThread() // rights are a thread's
	if err := run.mount(); err != nil {
		m := explain(onHost(err))
		m.write(stderr)
		return m.code
	}
	if err := endWith(maker); err != nil {
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

// endWith lets the command end when its maker does. The thread that becomes the command
// need not be the one that was started so.
func endWith(maker int) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if os.Getppid() != maker {
		return errors.New("the process that it was started by has ended")
	}
	return nil
}

// mount mounts the image where nobody else sees it, and gives up what allowed that.
func (run *mountedRun) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return &hostError{text: fmt.Sprintf("making the mounts private: %v", err)}
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
	return run.giveUp()
}

// giveUp leaves the command no right over the mounts. Who is root of the namespace gets
// with the command what he may inherit, and what the bounding set allows.
func (run *mountedRun) giveUp() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	if run.Root {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
			return fmt.Errorf("the bounding set: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	caps[0].Inheritable, caps[1].Inheritable = 0, 0
	if err := unix.Capset(&header, &caps[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

package userns

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Apply gives the ids to the user namespace of a process of this user, which was started
// without any and has mapped none. An *UnavailableError says that the programs that map
// them refuse.
func (m Map) Apply(pid int) error {
	if !m.Several() {
		return m.write(pid)
	}
	mapped := make(chan error, 1)
	go func() { mapped <- groups.apply(pid, m.GIDs) }()
	return errors.Join(users.apply(pid, m.UIDs), <-mapped)
}

// write maps the one id that a user may map himself.
func (m Map) write(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	for _, file := range []struct{ name, text string }{
		{"setgroups", "deny"}, {"uid_map", text(m.UIDs)}, {"gid_map", text(m.GIDs)},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(file.text), 0); err != nil {
			return fmt.Errorf("a user namespace: %w", err)
		}
	}
	return nil
}

func (s source) apply(pid int, ranges []Range) error {
	path, err := s.path()
	if err != nil {
		return s.installed()
	}
	c := exec.Command(path, append([]string{strconv.Itoa(pid)}, strings.Fields(text(ranges))...)...)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Run(); err != nil {
		return refused(s, err, strings.TrimSpace(said.String()))
	}
	return nil
}

func refused(s source, err error, said string) error {
	e := &UnavailableError{
		Text: said, Meant: true,
		Remedy: fmt.Sprintf("%s must give the ids to this user, and %s must be setuid root, on a file system that is not mounted nosuid", s.file, s.tool),
	}
	if said == "" {
		e.Text = fmt.Sprintf("%s: %v", s.tool, err)
	}
	if noNewPrivileges() {
		e.Remedy = "no_new_privs keeps this process from rights of setuid programs: start it from elsewhere"
	}
	return e
}

// Role is the first argument by which this program knows that it was started by Start,
// and is to call Enter. The others are those of what it is to do.
const Role = "root, in a user namespace"

// gateFile is the descriptor that a started process waits at for its ids.
const gateFile = 3

// FirstFile is the descriptor of the first of the ExtraFiles of a command for Start.
const FirstFile = gateFile + 1

// needed are the capabilities that root needs in the namespace. Before there are ids,
// exec would take them away, were they not ambient.
var needed = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID,
	unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SYS_ADMIN,
}

// Command is this program once more, to be started by Start with some arguments.
func Command(args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = append([]string{os.Args[0], Role}, args...)
	return c
}

// Start starts a Command in a user namespace with the ids of the map. It ends when this
// process does.
func (m Map) Start(c *exec.Cmd) (err error) {
	gate, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	c.ExtraFiles = append([]*os.File{gate}, c.ExtraFiles...)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL, AmbientCaps: needed,
	}
	if err := errors.Join(c.Start(), gate.Close()); err != nil {
		return &UnavailableError{Text: fmt.Sprintf("a user namespace: %v", err), Remedy: "layers doctor", Meant: true}
	}
	err = confined(c.Process.Pid)
	if err == nil {
		err = m.Apply(c.Process.Pid)
	}
	if err == nil {
		_, err = open.Write([]byte{0})
	}
	if err != nil {
		_ = c.Process.Kill() // it waits for what does not come
		_ = c.Wait()
	}
	return err
}

// confined finds that AppArmor has let the namespace be made, and takes from its root all
// that root may do.
func confined(pid int) error {
	profile, err := os.ReadFile(fmt.Sprintf("/proc/%d/attr/current", pid))
	if err != nil || !strings.HasPrefix(string(profile), "unprivileged_userns") {
		return nil // where there is no AppArmor, there is nothing to read
	}
	return &UnavailableError{
		Text:   "AppArmor takes the rights in user namespaces from programs without a profile",
		Remedy: AppArmorRemedy, Meant: true,
	}
}

// AppArmorRemedy gives this program the right to use user namespaces where AppArmor
// keeps them from programs that it does not know.
const AppArmorRemedy = "once, as root: layers doctor --print-apparmor > /etc/apparmor.d/layers && systemctl reload apparmor"

// Enter waits, in a process that Start has started, until it has its ids.
func Enter() error {
	gate := os.NewFile(gateFile, "gate")
	_, err := gate.Read(make([]byte, 1))
	if err = errors.Join(err, gate.Close()); err != nil {
		return fmt.Errorf("waiting for ids: %w", err)
	}
	if os.Geteuid() != 0 || os.Getegid() != 0 {
		return fmt.Errorf("a user namespace: user %d, group %d in it, and not root", os.Geteuid(), os.Getegid())
	}
	return nil
}

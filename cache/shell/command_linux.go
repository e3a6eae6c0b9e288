package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/seccomp"
)

// program is what can be started: a file, and the arguments with its name.
type program struct {
	file string
	args []string
}

// start starts the command with nothing but what it may have: the rest of this thread's
// life is without it too.
func (i *initProcess) start(started *Started, files []uintptr) error {
	c := &i.config
	env := environment(c, &started.User)
	candidates := i.candidates(env)
	// Not by its name: what that leads to could have changed since, in a directory that
	// others write in, and lead to what is still open (CVE-2024-21626).
	if err := unix.Fchdir(i.root.cwd); err != nil {
		return &SetupError{Text: fmt.Sprintf("the working directory %s: %v", c.Dir, err)}
	}
	attr, err := i.attributes(&started.User, env, files)
	if err != nil {
		return err
	}
	if err := i.close(); err != nil {
		return err
	}
	if err := giveUp(c.Capabilities); err != nil {
		return err
	}
	filter, err := seccomp.Default(c.Capabilities)
	if err == nil {
		err = filter.Load()
	}
	if err != nil {
		return refused("the filter of system calls", err)
	}
	// From here on, /proc/1 is closed to who has not every right over us.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	unix.Umask(0o022)
	pid, err := i.launch(candidates, attr, started)
	if err == nil {
		err = ignoreUnhandled()
	}
	if err != nil {
		return err
	}
	if err := i.admit(pid, started); err != nil {
		return err
	}
	i.command.Store(int64(pid))
	close(i.running)
	return i.parent.tell(message{Started: started})
}

// close leaves nothing of the host open for what we start, and nothing at all that is
// not needed.
func (i *initProcess) close() error {
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return nil
}

// candidates are what could be started, the first that exists.
func (i *initProcess) candidates(env []string) (all []program) {
	c := &i.config
	if len(c.Command) > 0 {
		for _, file := range lookPath(c.Command[0], env) {
			all = append(all, program{file: file, args: c.Command})
		}
		return all
	}
	for _, file := range c.Shells {
		all = append(all, program{file: file, args: []string{path.Base(file)}})
	}
	return all
}

// lookPath is where a command can be, as execvp(3) looks for it.
func lookPath(name string, env []string) (all []string) {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			search = value
		}
	}
	for dir := range strings.SplitSeq(search, ":") {
		if dir == "" {
			dir = "."
		}
		all = append(all, dir+"/"+name)
	}
	return all
}

// environment is the image's, with what every process expects.
func environment(c *Config, id *Identity) []string {
	env := slices.Clone(c.Env)
	add := func(key, value string) {
		if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, key+"=") }) {
			env = append(env, key+"="+value)
		}
	}
	add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	add("HOME", id.Home)
	return env
}

func (i *initProcess) attributes(id *Identity, env []string, files []uintptr) (*syscall.ProcAttr, error) {
	c := &i.config
	deny, err := os.ReadFile("/proc/self/setgroups")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sys := &syscall.SysProcAttr{
		Setsid: true, Setctty: c.Terminal, Ctty: 0,
		Ptrace: c.held(), // admit goes on with it
		Credential: &syscall.Credential{
			Uid: id.UID, Gid: id.GID, Groups: id.Groups, NoSetGroups: strings.TrimSpace(string(deny)) == "deny",
		},
	}
	if id.UID != 0 {
		kept, err := held(c.Capabilities)
		if err != nil {
			return nil, err
		}
		sys.AmbientCaps = numbers(kept)
	}
	return &syscall.ProcAttr{Env: env, Files: files, Sys: sys}, nil
}

// launch starts the first candidate that is there, or the built-in shell.
func (i *initProcess) launch(candidates []program, attr *syscall.ProcAttr, started *Started) (pid int, err error) {
	c := &i.config
	if c.Builtin == BuiltinAlways {
		return i.launchBuiltin(attr)
	}
	p, pid, err := launchFirst(candidates, c.Command, attr)
	if e, ok := errors.AsType[*CommandError](err); ok && c.Builtin == BuiltinFallback {
		if !e.missing {
			started.Unusable = e.Text
		}
		return i.launchBuiltin(attr)
	}
	started.Command = p.file
	return pid, err
}

func (i *initProcess) launchBuiltin(attr *syscall.ProcAttr) (int, error) {
	c := &i.config
	if err := i.root.notInjected; err != nil {
		return 0, fmt.Errorf("the built-in shell: %w", err)
	}
	file, args, err := i.root.injected.prepare(append([]string{BuiltinRole, c.Name}, c.Command...), attr)
	if err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(file, args, attr)
	if err != nil {
		return 0, &CommandError{Code: 126, Text: fmt.Sprintf("the built-in shell: %v", err)}
	}
	return pid, nil
}

// launchFirst starts the first candidate that is there.
func launchFirst(candidates []program, command []string, attr *syscall.ProcAttr) (program, int, error) {
	var denied error
	for _, p := range candidates {
		if st, err := os.Stat(p.file); err != nil && !errors.Is(err, fs.ErrPermission) || err == nil && st.IsDir() && len(candidates) > 1 {
			continue
		}
		pid, err := syscall.ForkExec(p.file, p.args, attr)
		switch {
		case err == nil:
			return p, pid, nil
		case errors.Is(err, syscall.EACCES) && denied == nil:
			denied = &CommandError{Code: 126, Text: p.file + " may not be run: " + whyDenied(p.file)}
		case errors.Is(err, syscall.ENOENT) && denied == nil:
			denied = &CommandError{Code: 127, Text: p.file + " is there, but the interpreter or loader that it names is not"}
		case errors.Is(err, syscall.ENOEXEC):
			return p, 0, &CommandError{Code: 126, Text: p.file + " is no program for this machine: " + format(p.file)}
		case !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.ENOENT):
			return p, 0, &CommandError{Code: 126, Text: fmt.Sprintf("%s: %v", p.file, err)}
		}
	}
	if denied != nil {
		return program{}, 0, denied
	}
	return program{}, 0, notThere(candidates, command)
}

func notThere(candidates []program, command []string) error {
	switch {
	case len(candidates) == 0:
		return &CommandError{Code: 127, Text: "there is nothing to run"}
	case len(candidates[0].args) > 0 && candidates[0].file == candidates[0].args[0]:
		return &CommandError{Code: 127, Text: candidates[0].file + " is not in the image"}
	case len(command) == 0:
		return &CommandError{
			Code: 127, Text: "the image has no shell", missing: true,
			Hint: "layers has one: --shell builtin; a command of the image can run: -- COMMAND",
		}
	}
	return &CommandError{Code: 127, Text: fmt.Sprintf("%q is not in the PATH of the image", command[0])}
}

func whyDenied(file string) string {
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		return "it is a directory"
	}
	return "permission denied"
}

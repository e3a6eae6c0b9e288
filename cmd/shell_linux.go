package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cache/shell/console"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
)

// shellRole is the argument by which this program knows that it is a shell's init.
const shellRole = shell.Role

// shellRoot is what a shell's init mounts the image of.
type shellRoot struct {
	Dirs      []string
	UserXattr bool
}

// shellMain is the process that becomes a shell's init.
func shellMain() int {
	return shell.Main(func(root json.RawMessage, upper, work string) (int, error) {
		var r shellRoot
		if err := json.Unmarshal(root, &r); err != nil {
			return -1, err
		}
		m, err := mount.New(r.Dirs, mount.Options{UserXattr: r.UserXattr, Upper: upper, Work: work})
		if err != nil {
			return -1, err
		}
		return m.Descriptor(), nil
	})
}

// imageShells are looked for in this order.
var imageShells = []string{"/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh", "/bin/ash", "/busybox/sh"}

func (p *program) shell(ctx context.Context, name string, command []string, f shellFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) (err error) {
		rootless := os.Geteuid() != 0 || inside()
		shown := mountFlags{settings: f.settings, layer: f.layer}
		img, err := s.findToMount(ctx, name, &shown, rootless)
		if err != nil {
			return err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return err
		}
		of, _, err := s.snapshots(ctx, img, &shown, rootless)
		if err != nil {
			return err
		}
		defer closing(of.Release, &err)
		c, err := p.shellConfig(&f, img.name, &config.Config, command)
		if err != nil {
			return err
		}
		if c.Root, err = json.Marshal(shellRoot{Dirs: of.Dirs, UserXattr: rootless}); err != nil {
			return err
		}
		c.Scratch = filepath.Join(s.store.ScratchDir(), "root")
		if err := os.Mkdir(c.Scratch, 0o700); err != nil {
			return err
		}
		return p.runShell(c, &f, img.name)
	})
}

// shellConfig says what runs: what the user asks for, then what the image has.
func (p *program) shellConfig(f *shellFlags, name string, image *v1.Config, command []string) (c shell.Config, err error) {
	kept, err := shell.Capabilities(f.capabilities)
	if err != nil {
		return c, &usageError{text: "--cap: " + err.Error()}
	}
	c = shell.Config{
		Writable: f.writable || f.keep != "", HostNetwork: f.network == "host", Hostname: f.hostname,
		Command: command, Shells: imageShells, Dir: f.dir, User: f.user, Capabilities: kept,
	}
	if f.entrypoint {
		if len(command) == 0 {
			command = image.Cmd
		}
		c.Command = slices.Concat(image.Entrypoint, command)
		if len(c.Command) == 0 {
			return c, &usageError{text: name + " has no entrypoint and no command"}
		}
	}
	if c.Hostname == "" {
		c.Hostname = nameInside(name)
	}
	if c.Dir == "" {
		c.Dir = "/" + strings.TrimPrefix(image.WorkingDir, "/")
	}
	if c.User == "" {
		c.User, c.AnyUser = image.User, true
	}
	terminal := ""
	if console.IsTerminal(p.file(p.stdin)) && console.IsTerminal(p.file(p.stdout)) {
		c.Terminal, terminal = true, p.getenv("TERM")
	}
	c.Env = f.environment(image.Env, terminal, p.getenv)
	if c.Binds, err = parseBinds(f.binds); err != nil {
		return c, err
	}
	if f.keep != "" {
		c.Keep, err = filepath.Abs(f.keep)
		err = errors.Join(err, os.MkdirAll(c.Keep, 0o755))
	}
	return c, err
}

// file is a stream as a file, if it is one.
func (p *program) file(stream any) *os.File {
	f, _ := stream.(*os.File)
	return f
}

// parseBinds reads SRC:DST[:ro|rw].
func parseBinds(texts []string) (all []shell.Bind, err error) {
	for _, text := range texts {
		bad := &usageError{text: fmt.Sprintf("--bind %s: it is SRC:DST or SRC:DST:ro, and DST begins with /", text)}
		parts := strings.Split(text, ":")
		readOnly := false
		if last := parts[len(parts)-1]; len(parts) == 3 && (last == "ro" || last == "rw") {
			readOnly, parts = last == "ro", parts[:2]
		}
		if len(parts) != 2 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") || filepath.Clean(parts[1]) == "/" {
			return nil, bad
		}
		from, err := filepath.Abs(parts[0])
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(from); err != nil {
			return nil, &advised{err: fmt.Errorf("--bind: %w", err)}
		}
		all = append(all, shell.Bind{From: from, To: parts[1], ReadOnly: readOnly})
	}
	return all, nil
}

// runShell runs it. What interrupts it is for it to decide.
func (p *program) runShell(c shell.Config, f *shellFlags, name string) (err error) {
	group, err := p.shellGroup(f)
	if err != nil {
		return err
	}
	if group != nil {
		defer closing(group.Remove, &err)
	}
	p.lent.Store(true)
	defer p.lent.Store(false)
	p.progress.Clear()
	changed := false
	h := shell.Host{
		Group: group,
		Stdin: p.file(p.stdin), Stdout: p.file(p.stdout), Stderr: p.file(p.stderr),
		Started: func(m shell.Started) error { return p.shellStarted(&c, f, name, m) },
		Changed: func(m shell.Change) error {
			if !changed && !f.out.Quiet {
				changed = true
				fmt.Fprintln(p.stderr, "changed:")
			}
			return p.shellChanged(m, f)
		},
	}
	if os.Geteuid() != 0 {
		h.Map = mapSelf
	}
	ended, err := shell.Run(c, h)
	if err != nil {
		return userNamespaceAdvice(err)
	}
	if f.stats {
		fmt.Fprintln(p.stderr, shellStats(ended, group, f.out.Units))
	}
	if ended.Code != 0 {
		return &commandExit{code: ended.Code}
	}
	return nil
}

// shellGroup makes the control group that limits ask for, or that statistics are better
// with.
func (p *program) shellGroup(f *shellFlags) (*cgroup.Group, error) {
	l := cgroup.Limits{CPUs: f.cpus, Pids: f.pids}
	if l.Pids > 0 {
		l.Pids += shell.InitThreads
	}
	if f.memory != "" {
		bytes, err := report.ParseBytes(f.memory)
		if err != nil || bytes < 1<<20 {
			return nil, &usageError{text: fmt.Sprintf("--memory %s: it is a size of 1MiB or more, as 512MB or 2GiB", f.memory)}
		}
		l.Memory = bytes
	}
	if l == (cgroup.Limits{}) && !f.stats {
		return nil, nil
	}
	g, err := cgroup.New(l)
	if err != nil && l == (cgroup.Limits{}) {
		p.warn("figures of processes only: " + err.Error())
		return nil, nil
	}
	return g, err
}

// shellStats says what a shell took, as its control group counted, or else its
// processes.
func shellStats(ended shell.Ended, group *cgroup.Group, units string) string {
	line := fmt.Sprintf("%s wall, %s user, %s system", brief(ended.Wall), brief(ended.User), brief(ended.System))
	var s cgroup.Stats
	if group != nil {
		s = group.Stats()
	}
	if s.PeakMemory > 0 {
		line += fmt.Sprintf(", %s of memory at most", bytesText(s.PeakMemory, units))
	} else {
		line += fmt.Sprintf(", %s in its biggest process", bytesText(ended.Memory, units))
	}
	if s.PeakPids > 0 {
		line += fmt.Sprintf(", %d processes and threads at most", s.PeakPids)
	}
	if s.OOMKills > 0 {
		line += fmt.Sprintf("; killed for memory: %d", s.OOMKills)
	}
	if s.PidsRefused > 0 {
		line += fmt.Sprintf("; processes refused: %d", s.PidsRefused)
	}
	return line
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

func brief(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

func (p *program) shellStarted(c *shell.Config, f *shellFlags, name string, m shell.Started) error {
	if m.Substituted != "" {
		p.warn(m.Substituted + " in this user namespace: running as the image's root")
	}
	if c.Terminal && len(c.Command) == 0 {
		var u unix.Utsname
		if err := unix.Uname(&u); err != nil {
			return err
		}
		kernel := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
		fmt.Fprintln(p.stderr, f.banner(name, strings.Join(kernel[:min(2, len(kernel))], ".")))
	}
	return nil
}

// shellChanged shows a changed path, as layers diff does.
func (p *program) shellChanged(m shell.Change, f *shellFlags) error {
	size := ""
	if !strings.HasSuffix(m.Path, "/") && m.Kind != shell.Deleted {
		size = bytesText(m.Size, f.out.Units)
	}
	_, err := fmt.Fprintf(p.stderr, "  %-8s  %9s  %s\n", m.Kind, size, term.Escape(m.Path))
	return err
}

// mapSelf makes the user root of a process's user namespace, where nobody else is.
func mapSelf(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	for _, file := range []struct{ name, text string }{
		{"setgroups", "deny"},
		{"uid_map", fmt.Sprintf("0 %d 1", os.Geteuid())},
		{"gid_map", fmt.Sprintf("0 %d 1", os.Getegid())},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(file.text), 0); err != nil {
			return fmt.Errorf("a user namespace: %w", err)
		}
	}
	return nil
}

// shellRules know why a shell could not be had.
var shellRules = []rule{
	func(err error, m *message) bool {
		e, ok := errors.AsType[*shell.CommandError](err)
		if ok {
			m.code, m.hint = e.Code, e.Hint
		}
		return ok
	},
	func(err error, m *message) bool {
		e, ok := errors.AsType[*shell.HostError](err)
		if ok {
			m.code, m.hint = exitHost, e.Hint
		}
		return ok
	},
	func(err error, m *message) bool {
		e, ok := errors.AsType[*cgroup.UnavailableError](err)
		if ok {
			m.code, m.hint = exitHost, e.Remedy
		}
		return ok
	},
	on[*shell.SetupError](exitOwn),
	on[*shell.KilledError](128 + int(unix.SIGKILL)),
}

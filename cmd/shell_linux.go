package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cache/shell/builtin"
	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cache/shell/console"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cache/userns"
	"github.com/layers/layers/cmd/term"
)

// builtinRole is the first argument by which this program knows that it is the shell of
// an image that has none.
const builtinRole = shell.BuiltinRole

func builtinMain(image string, command []string) int {
	return builtin.Main(builtin.Config{
		Image: image, Command: command, Env: shell.BuiltinEnvironment(os.Environ()),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

// imageShells are looked for in this order.
var imageShells = []string{"/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh", "/bin/ash", "/busybox/sh"}

func (p *program) shell(ctx context.Context, name string, command []string, f shellFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	return p.withIDs(func() (err error) {
		if p.ids.handOver != nil { // the process that this one prepares for runs the shell
			return p.inStore(f.settings, func(s *session) error {
				_, err := s.prepare(ctx, name, f.shown())
				return err
			})
		}
		host, err := p.shellHost(&f)
		if err != nil {
			return err
		}
		group, err := p.shellGroup(&f)
		if err != nil {
			return err
		}
		if group != nil {
			host.Group = group
			defer closing(group.Remove, &err)
		}
		waiting, err := shell.Prepare(host) // it comes up while the image is looked for
		if err != nil {
			return shellAdvice(err)
		}
		defer closing(waiting.Close, &err)
		return p.inStore(f.settings, func(s *session) error {
			return s.shell(ctx, name, command, &f, group, waiting)
		})
	})
}

// shown says what of an image a shell shows.
func (f *shellFlags) shown() *mountFlags {
	return &mountFlags{settings: f.settings, layer: f.layer, ownDevices: true}
}

// shellHost is what a shell has of this process: the terminal, if there is one at both
// ends, and an ordinary user's ids.
func (p *program) shellHost(f *shellFlags) (h shell.Host, err error) {
	h = shell.Host{
		Stdin: p.file(p.stdin), Stdout: p.file(p.stdout), Stderr: p.file(p.stderr),
		Network: f.network == "host",
	}
	h.Terminal = console.IsTerminal(h.Stdin) && console.IsTerminal(h.Stdout)
	if os.Geteuid() != 0 {
		mine, err := p.own()
		if err != nil {
			return h, err
		}
		h.Map = userns.Self().Apply
		if mine != nil {
			h.Map = mine.Apply
		}
	}
	return h, nil
}

// shell finds the image, and runs what was asked for in it.
func (s *session) shell(ctx context.Context, name string, command []string, f *shellFlags, group *cgroup.Group, waiting *shell.Prepared) (err error) {
	of, err := s.prepare(ctx, name, f.shown())
	if err != nil {
		return err
	}
	defer closing(of.snapshots.Release, &err)
	c, err := s.program.shellConfig(f, of.name, &of.config, command, waiting.Terminal())
	if err != nil {
		return err
	}
	c.Layers, c.UserXattr = of.snapshots.Dirs, of.rootless
	c.Scratch = filepath.Join(s.store.ScratchDir(), "root")
	if err := os.Mkdir(c.Scratch, 0o700); err != nil {
		return err
	}
	if err := s.written(f, &c); err != nil {
		return err
	}
	found := time.Now()
	return s.program.runShell(waiting, c, f, group, func(m shell.Started) error {
		if err := s.program.shellStarted(&c, f, of.name, waiting.Terminal(), m); err != nil || !f.explain {
			return err
		}
		img := of.image
		if img == nil {
			var err error
			if img, err = s.find(ctx, name); err != nil {
				return err
			}
		}
		layers, err := f.shown().layersOf(img)
		if err != nil {
			return err
		}
		e, err := s.explain(ctx, img, layers, m, group)
		if err != nil {
			return err
		}
		e.Found = found
		return e.write(s.program.stderr, f.out.Units)
	})
}

// written makes the directory for what is written, where that goes to the disk and is
// thrown away.
func (s *session) written(f *shellFlags, c *shell.Config) error {
	if f.writable == inMemory && c.UserXattr && !shell.UserXattrsInMemory() {
		s.program.say("what is written goes to the disk: in memory, this kernel has no overlay of yours that can delete directories (since Linux 6.6)")
		f.writable = onDisk
	}
	if f.writable != onDisk {
		return nil
	}
	c.Keep = filepath.Join(s.store.ScratchDir(), "written")
	return os.Mkdir(c.Keep, 0o700)
}

// shellConfig says what runs: what the user asks for, then what the image has.
func (p *program) shellConfig(f *shellFlags, name string, image *v1.Config, command []string, terminal bool) (c shell.Config, err error) {
	kept, err := shell.Capabilities(f.capabilities)
	if err != nil {
		return c, &usageError{text: "--cap: " + err.Error()}
	}
	c = shell.Config{
		Writable: f.writable != "" || f.keep != "", Hostname: f.hostname,
		Command: command, Shells: imageShells, Dir: f.dir, User: f.user, Capabilities: kept,
		Look:     f.explain,
		UserHint: p.ids.userHint(),
		Builtin:  f.builtin(command), Name: source.Short(name),
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
	kind := ""
	if terminal {
		kind = p.getenv("TERM")
	}
	c.Env = f.environment(image.Env, kind, p.getenv)
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
func (p *program) runShell(waiting *shell.Prepared, c shell.Config, f *shellFlags, group *cgroup.Group, started func(shell.Started) error) error {
	defer func() { p.signals <- turn(false) }()
	p.progress.Clear()
	changed := false
	ended, err := waiting.Run(c, shell.Events{
		// Not before: a signal that nobody listens to would be lost.
		Listening: func() { p.signals <- turn(true) },
		Started:   started,
		Changed: func(m shell.Change) error {
			if !changed && !f.out.Quiet {
				changed = true
				fmt.Fprintln(p.stderr, "changed:")
			}
			return p.shellChanged(m, f)
		},
	})
	if err != nil {
		return shellAdvice(err)
	}
	if f.stats {
		fmt.Fprintln(p.stderr, shellStats(ended, group, f.out.Units))
	}
	if ended.Code != 0 {
		return &commandExit{code: ended.Code}
	}
	return nil
}

func (p *program) shellStarted(c *shell.Config, f *shellFlags, name string, terminal bool, m shell.Started) error {
	if m.Substituted != "" {
		p.warn(m.Substituted + " in this user namespace: running as the image's root\n  " + p.ids.userHint())
	}
	if m.Command == "" && f.shell == shellAuto {
		p.say("%s", noShell(name, m.Unusable))
	}
	if terminal && len(c.Command) == 0 {
		var u unix.Utsname
		if err := unix.Uname(&u); err != nil {
			return err
		}
		kernel := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
		fmt.Fprintln(p.stderr, f.banner(name, strings.Join(kernel[:min(2, len(kernel))], ".")))
	}
	return nil
}

// builtin says when it is the built-in shell that runs.
func (f *shellFlags) builtin(command []string) shell.Builtin {
	switch {
	case f.shell == shellBuiltin:
		return shell.BuiltinAlways
	case f.shell == shellAuto && len(command) == 0 && !f.entrypoint:
		return shell.BuiltinFallback
	}
	return shell.BuiltinNever
}

// noShell says why it is the built-in shell that runs.
func noShell(image, why string) string {
	short := source.Short(image)
	ours := "built into layers (ls cat find grep head stat ps; help)"
	if why == "" {
		return fmt.Sprintf("%s has no shell: this is the one %s", short, ours)
	}
	return fmt.Sprintf("%s: %s: this is the shell %s", short, why, ours)
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

// shellAdvice says what on this host may be why a shell was refused.
func shellAdvice(err error) error {
	if e, ok := errors.AsType[*shell.HostError](err); ok && e.Hint == "" {
		return onHost(err)
	}
	return err
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

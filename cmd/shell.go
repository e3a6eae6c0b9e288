package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
)

type shellFlags struct {
	settings
	layer        int
	network      string
	capabilities []string
	entrypoint   bool
	writable     string // where what is written goes; "" if nothing may be
	shell        shellChoice
	keep         string
	binds        []string
	env          []string
	dir          string
	user         string
	hostname     string
	stats        bool
	explain      bool
	memory       string
	cpus         float64
	pids         int64
}

// shellChoice says whose shell runs.
type shellChoice string

const (
	shellAuto    shellChoice = "auto" // the image's, if it has one that runs
	shellImage   shellChoice = "image"
	shellBuiltin shellChoice = "builtin"
)

func newShell(p *program) *cobra.Command {
	var f shellFlags
	c := &cobra.Command{
		Use:               "shell IMAGE [flags] [-- COMMAND...]",
		Short:             "a shell in an image, read-only, no daemon",
		Args:              shellArguments,
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.shell(cmd.Context(), args[0], args[1:], f)
		},
	}
	flags := c.Flags()
	flags.IntVar(&f.layer, "layer", 0, "the image as of layer `N` (from 1)")
	flags.StringVar(&f.network, "net", "none", "the network: `none|host`")
	flags.StringSliceVar(&f.capabilities, "cap", nil, "capabilities to keep: `NAME`s, default (what engines leave), all")
	addChoice(c, &f.shell, "shell", "whose shell", shellAuto, shellImage, shellBuiltin)
	flags.BoolVar(&f.entrypoint, "entrypoint", false, "run the image's entrypoint, with COMMAND or its own arguments")
	flags.StringVar(&f.writable, "writable", "", "what is written goes to `memory|disk`, is listed at the end, and is thrown away")
	flags.Lookup("writable").NoOptDefVal = inMemory
	flags.StringVar(&f.keep, "keep", "", "what is written goes to `DIR`, and is there the next time")
	flags.StringArrayVar(&f.binds, "bind", nil, "show a path of the host: `SRC:DST[:ro]`")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set a variable: `NAME=VALUE`, or NAME for your own value")
	flags.StringVarP(&f.dir, "workdir", "w", "", "start in `DIR` and not in the image's")
	flags.StringVarP(&f.user, "user", "u", "", "run as `USER[:GROUP]` of the image, names or numbers")
	flags.StringVar(&f.hostname, "hostname", "", "the host's `NAME` inside")
	flags.StringVar(&f.memory, "memory", "", "the most memory it may use: `SIZE`, as 512MB or 2GiB")
	flags.Float64Var(&f.cpus, "cpus", 0, "the most processors' time it may use: `N`, as 1.5")
	flags.Int64Var(&f.pids, "pids", 0, "the most processes and threads it may have: `N`")
	flags.BoolVar(&f.stats, "stats", false, "on leaving, say what time, memory and processes it took")
	flags.BoolVar(&f.explain, "explain", false, "say what this shell is, as measured: kernel, namespaces, limits, bytes, time")
	f.addImage(c)
	return describe(c, manual{
		long: `Run the image's shell, or COMMAND, in the image: in namespaces of its own for
mounts, processes, network, names, IPC and control groups, and without root in a
user namespace. The root is read-only, /tmp is in memory, there is no network
but a loopback, no capability, no way to new privileges, and system calls are
filtered as container engines do. It ends with everything it started, and
nothing is left.

An image without a shell that runs gets the one that is built into layers, and
says so: POSIX, with ls, cat, find, grep, head, stat, ps and some others (help
lists them), of which nothing is in the image. --shell builtin asks for it, also
to run COMMAND, whose sh it then is too; --shell image wants the image's own.

With --cap the command keeps what the kernel lets such a program do; if you are
root, all, sys_admin, sys_module and their like, and dac_read_search beside a
--bind, are as good as the host. A device that is bound cannot be opened.

The exit code is the command's; 125, 126 and 127 say that it could not be run,
as of podman run.`,
		examples: []string{
			"layers shell python:3.10",
			"layers shell --shell builtin scratch:1 -- sh -c 'find / -xdev -type f | head'",
			"layers shell python:3.10 -- python3 -c 'print(1)'",
			"layers shell --writable --cap default --net host debian:12 -- apt-get update",
		},
		exits: imageExits,
	})
}

// shellArguments are an image, and after -- a command.
func shellArguments(c *cobra.Command, args []string) error {
	switch dash := c.ArgsLenAtDash(); {
	case dash < 0:
		return arguments(1, 1)(c, args)
	case dash == len(args):
		return &usageError{text: "shell: the command after -- is missing", hint: c.UseLine()}
	default:
		return arguments(1, 1)(c, args[:dash])
	}
}

// Where --writable lets what is written go: to a file system in memory, or to the disk
// that the store is on.
const (
	inMemory = "memory"
	onDisk   = "disk"
)

// check finds what cannot be meant.
func (f *shellFlags) check() error {
	if !slices.Contains([]string{"", inMemory, onDisk}, f.writable) {
		return &usageError{text: fmt.Sprintf("--writable=%s: it is memory or disk", f.writable)}
	}
	if f.writable == onDisk && f.keep != "" {
		return &usageError{text: "--writable=disk throws away what --keep keeps: give one of them"}
	}
	if !slices.Contains([]string{"none", "host"}, f.network) {
		return &usageError{text: fmt.Sprintf("--net %s: it is none or host", f.network)}
	}
	for _, e := range f.env {
		if e == "" || strings.HasPrefix(e, "=") {
			return &usageError{text: fmt.Sprintf("--env %q: it is NAME=VALUE or NAME", e)}
		}
	}
	if f.dir != "" && !strings.HasPrefix(f.dir, "/") {
		return &usageError{text: fmt.Sprintf("--workdir %s: it must begin with /", f.dir)}
	}
	if f.cpus < 0 || f.pids < 0 || f.cpus > 0 && f.cpus < 0.01 {
		return &usageError{text: "--cpus and --pids must be more than 0; the least of --cpus is 0.01"}
	}
	if len(f.hostname) > 64 || strings.ContainsAny(f.hostname, "/ \t\n") {
		return &usageError{text: fmt.Sprintf("--hostname %q is no host name", f.hostname)}
	}
	return nil
}

// nameInside is a host name made of an image's, so that prompts say where one is.
func nameInside(image string) string {
	short := source.Short(image)
	if at := strings.LastIndex(short, "/"); at >= 0 {
		short = short[at+1:]
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, short)
	return strings.Trim(clean[:min(len(clean), 63)], "-")
}

// environment is the image's, then the user's.
func (f *shellFlags) environment(of []string, terminal string, getenv func(string) string) []string {
	var env []string
	set := func(e string) {
		name, _, _ := strings.Cut(e, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, e)
	}
	for _, e := range of {
		if strings.Contains(e, "=") && !strings.HasPrefix(e, "=") && !strings.Contains(e, "\x00") {
			set(e)
		}
	}
	if terminal != "" {
		set("TERM=" + terminal)
	}
	for _, e := range f.env {
		if !strings.Contains(e, "=") {
			e += "=" + getenv(e)
		}
		set(e)
	}
	return env
}

// banner is the line that a shell begins with.
func (f *shellFlags) banner(image, kernel string) string {
	how, network := "read-only", "no network"
	switch {
	case f.keep != "":
		how = "changes are kept in " + f.keep
	case f.writable != "":
		how = "changes are thrown away"
	}
	if f.network == "host" {
		network = "the host's network"
	}
	line := fmt.Sprintf("%s, %s, %s, kernel %s of this host; Ctrl-D leaves", source.Short(image), how, network, kernel)
	return term.Escape(line)
}

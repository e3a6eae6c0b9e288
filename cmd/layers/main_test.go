package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cmd"
)

// The stories in testdata run the program as users do: a process of its own, with
// arguments, an environment and exit codes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == shell.BuiltinRole {
		os.Exit(run(os.Args[1:])) // started by a loader, which has not kept the name
	}
	testscript.Main(m, map[string]func(){
		"layers":              func() { os.Exit(run(os.Args[1:])) },
		"layers-panics":       func() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, panics{}, os.Stderr)) },
		"layers-unprivileged": func() { os.Exit(unprivileged(os.Args[1:])) },
		"layers-with-ids":     func() { os.Exit(withIDs(os.Args[1:])) },
		"furnished":           func() { os.Exit(furnished(os.Args[1:])) },
		"layers-on-mount":     func() { os.Exit(onMount(os.Args[1:])) },
		"attack":              func() { os.Exit(attack(os.Args[1:])) },
		"jailed":              func() { os.Exit(jailed(os.Args[1:])) },
		"changing":            func() { os.Exit(changing(os.Args[1:])) },
		"true-attack":         func() {},
		"layers-without":      func() { os.Exit(refused(os.Args[1:])) },
	})
}

func run(args []string) int { return cmd.Main(args, os.Stdin, os.Stdout, os.Stderr) }

// unprivileged runs the program as an ordinary user, which root becomes for it.
func unprivileged(args []string) int {
	const nobody = 65534
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 97
		}
	}
	return again(args)
}

// again becomes the program, as its user would start it.
func again(args []string) int {
	err := syscall.Exec("/proc/self/exe", append([]string{"layers"}, args...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	return 98
}

// panics is a standard output that does what a bug would.
type panics struct{}

func (panics) Write([]byte) (int, error) { panic("a bug") }

func TestStories(t *testing.T) { tellStories(t, "testdata") }

func tellStories(t *testing.T, dir string) { tellStoriesBy(t, dir, setup) }

func tellStoriesBy(t *testing.T, dir string, setup func(*testscript.Env) error) {
	testscript.Run(t, testscript.Params{
		Dir:                dir,
		RequireUniqueNames: true,
		Setup:              setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"serve":     serve,
			"fault":     fault,
			"heal":      heal,
			"layout":    layout,
			"archive":   archive,
			"interrupt": interrupt,
			"tty":       tty,
			"damage":    damage,
			"owner":     owner,
			"width":     width,
			"json":      isJSON,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition " + name)
		},
	})
}

// setup gives each story a home, a store, and nothing of this machine's settings.
func setup(env *testscript.Env) error {
	for name, value := range map[string]string{
		"HOME":            filepath.Join(env.WorkDir, "home"),
		"LAYERS_STORE":    filepath.Join(env.WorkDir, "store"),
		"XDG_RUNTIME_DIR": filepath.Join(env.WorkDir, "run"),
		"TMPDIR":          filepath.Join(env.WorkDir, "tmp"),
		"LANG":            "C.UTF-8",
		"GORACE":          "atexit_sleep_ms=0", // else each process takes a second to end; a race is exit code 66
	} {
		env.Setenv(name, value)
	}
	for _, dir := range []string{"home", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(env.WorkDir, dir), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	env.Values[stateKey] = &state{}
	env.Defer(func() { env.Values[stateKey].(*state).close() })
	return nil
}

// pairs splits NAME=FILE arguments.
func pairs(ts *testscript.TestScript, args []string) [][2]string {
	var out [][2]string
	for _, a := range args {
		name, file, ok := strings.Cut(a, "=")
		if !ok {
			ts.Fatalf("%q is not NAME=FILE", a)
		}
		out = append(out, [2]string{name, file})
	}
	return out
}

package builtin

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/interp"

	"github.com/layers/layers/cache/shell/builtin/tools"
)

// own is before the names of what we do in place of the interpreter, so that they come
// to exec: it would take them for its own.
const own = "built-in "

// answers are what the interpreter cannot answer, since it does not know of the tools.
var answers map[string]func(*shell, context.Context, interp.HandlerContext, []string) error

func init() {
	answers = map[string]func(*shell, context.Context, interp.HandlerContext, []string) error{
		"help": help, "type": kinds, "command": command,
	}
}

// call sees every command before it is run.
func (s *shell) call(_ context.Context, args []string) ([]string, error) {
	if answers[args[0]] != nil || args[0] == "umask" || args[0] == "kill" {
		return append([]string{own + args[0]}, args[1:]...), nil
	}
	return args, nil
}

// isTool says that a word runs something that is in this program.
func isTool(word string) bool {
	_, ok := tools.Find(word)
	return ok || word == "sh"
}

// kinds is type.
func kinds(_ *shell, ctx context.Context, h interp.HandlerContext, args []string) (err error) {
	for _, word := range args[1:] {
		if isTool(word) {
			fmt.Fprintf(h.Stdout, "%s is a tool of the built-in shell\n", word)
		} else if e := h.Builtin(ctx, []string{"type", word}); e != nil {
			err = e
		}
	}
	return err
}

// command is command: -v and -V say what would run.
func command(s *shell, ctx context.Context, h interp.HandlerContext, args []string) (err error) {
	if len(args) < 3 || args[1] != "-v" && args[1] != "-V" {
		return h.Builtin(ctx, args)
	}
	if args[1] == "-V" {
		return kinds(s, ctx, h, args[1:])
	}
	for _, word := range args[2:] {
		if isTool(word) {
			fmt.Fprintln(h.Stdout, word)
		} else if e := h.Builtin(ctx, []string{"command", "-v", word}); e != nil {
			err = e
		}
	}
	return err
}

// help tells what there is.
func help(_ *shell, _ context.Context, h interp.HandlerContext, args []string) error {
	if len(args) > 1 {
		return helpOf(h.Stdout, args[1:])
	}
	fmt.Fprint(h.Stdout, `This is the shell built into layers, for images that have none or none that runs.
Nothing of it is in the image. It knows the POSIX shell's language, and most of bash's:
pipes, redirections, variables, loops, functions, cd pwd echo printf test read export
set unset exit trap (EXIT and ERR) wait true false. There is no job control.

Its tools come before programs of the same name in the image, which run by their path:

`)
	for _, t := range tools.All() {
		fmt.Fprintf(h.Stdout, "  %-8s %s\n", t.Name, t.Usage)
	}
	fmt.Fprint(h.Stdout, `  sh       [-c COMMAND | FILE] [ARGUMENT...]

help NAME, or NAME --help, says more. At a terminal, names are quoted where they could
do something to it; in a pipe they are as they are. Ctrl-D or exit leaves.
`)
	return nil
}

func helpOf(w io.Writer, names []string) error {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		t, ok := tools.Find(name)
		if ok {
			fmt.Fprintf(w, "%s %s\n%s\n", t.Name, t.Usage, t.About)
		}
		return ok
	})
	if len(missing) == 0 {
		return nil
	}
	fmt.Fprintf(w, "no help for %s; help lists what there is\n", tools.Quoted(strings.Join(missing, " ")))
	return interp.ExitStatus(1)
}

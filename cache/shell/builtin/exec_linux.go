package builtin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"

	"github.com/layers/layers/cache/shell/builtin/tools"
)

// exec runs what is neither a function nor the interpreter's own.
func (s *shell) exec(ctx context.Context, args []string) error {
	h := interp.HandlerCtx(ctx)
	with := streams{in: stdin(h), out: h.Stdout, err: h.Stderr, dir: h.Dir, env: exported(h.Env)}
	if name, ok := strings.CutPrefix(args[0], own); ok {
		args = append([]string{name}, args[1:]...)
		if do := answers[name]; do != nil {
			return do(s, ctx, h, args)
		}
	}
	return outcome(s.runProgram(ctx, with, args))
}

func outcome(code int) error {
	if code == 0 {
		return nil
	}
	return interp.ExitStatus(code)
}

func stdin(h interp.HandlerContext) *os.File {
	f, _ := h.Stdin.(*os.File)
	return f
}

// exported are the variables that programs get.
func exported(from expand.Environ) []string {
	values := map[string]string{}
	var names []string
	for name, v := range from.Each {
		if _, known := values[name]; !known {
			names = append(names, name)
		}
		delete(values, name)
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			values[name] = v.String()
		}
	}
	env := []string{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if value, ok := values[name]; ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// runProgram runs a tool, this shell once more, or a program of the image.
func (s *shell) runProgram(ctx context.Context, with streams, args []string) int {
	if tool, ok := tools.Find(args[0]); ok {
		return tool.Run(ctx, tools.Call{
			Args: args[1:], Dir: with.dir, Env: with.env, Stdin: with.in, Stdout: with.out, Stderr: with.err,
			Run: func(ctx context.Context, args, env []string) int {
				with := with
				with.env = env
				return s.runProgram(ctx, with, args)
			},
		})
	}
	if args[0] == "sh" {
		return s.script(ctx, with, args)
	}
	var failed *failure
	for _, file := range lookPath(args[0], &with) {
		code, err := s.runFile(ctx, with, file, args)
		if err == nil {
			return code
		}
		if failed == nil || failed.code == 127 {
			failed = whyNot(file, err)
		}
		if failed.code == 126 && !errors.Is(err, fs.ErrPermission) {
			break
		}
	}
	if failed == nil || failed.text == "" {
		failed = &failure{127, "not found; help says what there is"}
	}
	fmt.Fprintf(with.err, "%s: %s\n", tools.Quoted(args[0]), failed.text)
	return failed.code
}

// failure is why a file could not be run.
type failure struct {
	code int
	text string
}

func whyNot(file string, err error) *failure {
	st, missing := os.Stat(file)
	switch {
	case missing != nil && (errors.Is(missing, fs.ErrNotExist) || errors.Is(missing, unix.ENOTDIR)):
		return &failure{code: 127}
	case missing != nil:
		err = missing
	case st.IsDir():
		return &failure{126, "it is a directory"}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{127, "it is there, but the interpreter or loader that it names is not"}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		err = errno
	}
	return &failure{126, err.Error()}
}

// lookPath is where a program can be, as execvp(3) looks for it.
func lookPath(name string, with *streams) (files []string) {
	in := func(dir, name string) string {
		if filepath.IsAbs(dir) {
			return strings.TrimSuffix(dir, "/") + "/" + name
		}
		return strings.TrimSuffix(with.dir, "/") + "/" + dir + "/" + name
	}
	switch {
	case name == "":
		return nil
	case name[0] == '/':
		return []string{name}
	case strings.Contains(name, "/"):
		return []string{in(".", name)}
	}
	for _, e := range with.env {
		if search, ok := strings.CutPrefix(e, "PATH="); ok {
			for dir := range strings.SplitSeq(search, ":") {
				files = append(files, in(dir, name))
			}
		}
	}
	return files
}

// runFile runs a file of the image, which gets the terminal's signals as we do. Its end
// is waited for, however the user interrupts it.
func (s *shell) runFile(ctx context.Context, with streams, file string, args []string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 128 + int(unix.SIGINT), nil //nolint:nilerr // it was not to be run any more
	}
	c := exec.Cmd{Path: file, Args: args, Env: with.env, Dir: with.dir, Stdout: with.out, Stderr: with.err}
	if with.in != nil { // else it is /dev/null, and not a nil file
		c.Stdin = with.in
	}
	if with.in == s.keys {
		c.Stdin = s.Stdin
	}
	l := lineOf(ctx)
	err := s.interrupts.start(l, &c)
	if err != nil {
		if isScript(file, err) {
			return s.script(ctx, with, append([]string{"sh", file}, args[1:]...)), nil
		}
		return 0, err
	}
	err = c.Wait()
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		s.interrupts.ended(l, status.Signal())
		return 128 + int(status.Signal()), nil
	}
	s.interrupts.ended(l, 0)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(with.err, "%s: %v\n", tools.Quoted(args[0]), err)
		return 126, nil
	}
	return c.ProcessState.ExitCode(), nil
}

// isScript says of a file that could not be run that it is for a shell: a text without
// #!, as POSIX has it, or one for a shell that is not there.
func isScript(file string, err error) bool {
	noFormat := errors.Is(err, unix.ENOEXEC)
	if !noFormat && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 256)
	n, _ := f.Read(start) // what cannot be read is no script
	first, _, _ := strings.Cut(string(start[:n]), "\n")
	if strings.Contains(first, "\x00") {
		return false
	}
	interpreter, named := strings.CutPrefix(first, "#!")
	if !named {
		return noFormat && n > 0
	}
	words := strings.Fields(interpreter)
	return len(words) > 0 && slices.Contains([]string{"sh", "bash", "dash", "ash"}, filepath.Base(words[0]))
}

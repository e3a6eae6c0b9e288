package builtin

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scripts end with what a POSIX shell makes of them.
var scripts = []string{
	`echo a b  "c  d" 'e $f'; x=1; echo $x ${x} ${y:-none} "${#x}"`,
	`for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done`,
	`i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done; until false; do break; done; echo end`,
	`case hello in h*) echo yes;; *) echo no;; esac`,
	`f() { echo "f $1 $#"; return 3; }; f x y; echo $?`,
	`echo one two | { read a b; echo "$b $a"; }`,
	`printf '%s-%d\n' x 7; printf '%5s|\n' ab`,
	"cat <<EOF\n$((1+2)) `echo sub` $(echo sub)\nEOF\n",
	"cat <<'EOF'\n$x\nEOF\n",
	`set -- a "b c" d; echo $#; shift; echo "$1"; for a in "$@"; do echo "<$a>"; done`,
	`set -e; false || true; (exit 4); echo not`,
	`exit 42`, `(exit 7)`, `false`, `true; exit`, `! true`,
	`test -d / && test ! -e /nowhere && [ -f /etc/passwd ] && echo all`,
	`cd /etc && pwd; cd - >/dev/null; cd /; pwd`,
	`x=5 sh -c 'echo $x'; echo "[$x]"; export x=6; sh -c 'echo $x'; unset x; echo "[$x]"`,
	`sh -c 'echo $0 $1' name arg`, `sh -ec 'false; echo not'; echo $?`, `echo 'echo from input' | sh`,
	`echo x >/nowhere/at/all || echo failed`,
	`ls /etc/passwd /etc/group | cat | wc -l`, `find /etc -maxdepth 1 -name passwd | grep -c passwd`,
	`trap 'echo bye' EXIT; echo hi`, `echo $(false) $?; a=$(exit 3); echo $?`,
	`v=/a/b/c.txt; echo ${v##*/} ${v%.txt} ${v%%/b*} ${v#/a}`,
	`eval 'echo evaluated'; command echo c; type cd >/dev/null && echo known`,
	`{ echo out; echo err >&2; } 2>/dev/null`, `echo a; echo b >&2 2>&1 | cat`,
	`cat /nowhere 2>/dev/null; echo $?`, `nosuchprogram 2>/dev/null; echo $?`, `/etc/passwd 2>/dev/null; echo $?`, `/etc 2>/dev/null; echo $?`,
	`umask 027; umask`, `env -i A=b env`, `head -c 3 /dev/zero | wc -c`, `cat /dev/zero | head -c 5 | wc -c`,
	`sleep 0 & wait; echo waited`, `false | true; echo $?`, `echo "quote'd" 'dou"ble'`, `echo * | head -c 0; cd /; echo et[c]`,
}

// TestScripts holds the shell against the host's, as what it reads and as -c.
func TestScripts(t *testing.T) {
	for _, script := range scripts {
		c := exec.Command("sh")
		c.Dir, c.Env, c.Stdin = "/", environment, strings.NewReader(script)
		want, err := c.Output()
		code := c.ProcessState.ExitCode()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		for how, run := range map[string]func() (string, int){
			"read": func() (string, int) { return inShell(t, script) },
			"-c":   func() (string, int) { return inShell(t, "", "sh", "-c", script) },
		} {
			if got, gotCode := run(); got != string(want) || gotCode != code {
				t.Errorf("%s (%s)\n got %q, exit code %d\nwant %q, exit code %d", script, how, got, gotCode, want, code)
			}
		}
	}
}

var environment = []string{"PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C"}

// inShell runs a script, or a command, and returns what it wrote.
func inShell(t *testing.T, script string, command ...string) (string, int) {
	t.Helper()
	t.Chdir("/")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	done := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = io.Copy(&all, r) // what is missing is seen
		done <- all.String()
	}()
	s := &shell{Config: Config{Image: "x", Env: environment, Command: command, Stdin: in, Stdout: w, Stderr: null}, keys: in}
	code, err := s.run()
	if err != nil {
		t.Error(err)
	}
	_ = w.Close()
	return <-done, code
}

func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"apple", "apricot", ".hidden", "odd name", "single"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &shell{}
	for typed, want := range map[string]string{
		"cat a": "cat ap", "cat app": "cat apple ", "ls su": "ls sub/", "cat s": "cat s", "cat .h": "cat .hidden ", "cat o": "", "cat zz": "",
		"fin": "find ", "echo fin": "", "cat " + dir + "/si": "cat " + dir + "/single ", "x >ap": "x >ap", "x >app": "x >apple ", "cat ": "cat ",
	} {
		if got, _ := s.complete(dir, typed); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := &history{}
	for _, line := range []string{"", "a", "a", "b"} {
		h.Add(line)
	}
	if h.Len() != 2 || h.At(0) != "b" || h.At(1) != "a" {
		t.Errorf("%q", h.lines)
	}
	for range 2 * maxHistory {
		h.Add("x")
		h.Add("y")
	}
	if h.Len() != maxHistory {
		t.Errorf("%d lines", h.Len())
	}
}

// TestHelp says that help knows what the duty is.
func TestHelp(t *testing.T) {
	for _, name := range []string{"ls", "cat", "find", "grep", "head", "stat", "ps"} {
		if got, code := inShell(t, "help "+name); code != 0 || !strings.HasPrefix(got, name+" ") {
			t.Errorf("%s: %q, exit code %d", name, got, code)
		}
		if got, _ := inShell(t, "help"); !strings.Contains(got, "\n  "+name+" ") {
			t.Errorf("%s is not in %q", name, got)
		}
	}
	if got, code := inShell(t, "help nothing"); code != 1 || got != "no help for nothing; help lists what there is\n" {
		t.Errorf("%q, exit code %d", got, code)
	}
}

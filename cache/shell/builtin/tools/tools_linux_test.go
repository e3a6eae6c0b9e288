package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// result is what a program did.
type result struct {
	stdout, stderr string
	code           int
}

// ours runs a tool. Commands that it runs are the host's.
func ours(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	tool, ok := Find(args[0])
	if !ok {
		t.Fatalf("no tool %s", args[0])
	}
	var stdout, stderr bytes.Buffer
	in, err := os.Open(input1(t, stdin))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	code := tool.Run(t.Context(), Call{
		Args: args[1:], Dir: dir, Env: plainEnv, Stdin: in, Stdout: &stdout, Stderr: &stderr,
		Run: func(ctx context.Context, args, env []string) int {
			c := exec.CommandContext(ctx, args[0], args[1:]...)
			c.Dir, c.Env, c.Stdout, c.Stderr = dir, env, &stdout, &stderr
			return exitCode(c.Run())
		},
	})
	return result{stdout.String(), stderr.String(), code}
}

// real runs the host's program of the same name.
func real(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = dir, plainEnv, strings.NewReader(stdin), &stdout, &stderr
	return result{code: exitCode(c.Run()), stdout: stdout.String(), stderr: stderr.String()}
}

var plainEnv = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"}

func exitCode(err error) int {
	var ee *exec.ExitError
	switch {
	case errors.As(err, &ee):
		return ee.ExitCode()
	case err != nil:
		return -1
	}
	return 0
}

func input1(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// same compares a tool with the program, and its lines in any order if sorted.
func same(t *testing.T, sorted bool, dir, stdin string, args ...string) {
	t.Helper()
	got, want := ours(t, dir, stdin, args...), real(t, dir, stdin, args...)
	if sorted {
		got.stdout, want.stdout = inOrder(got.stdout), inOrder(want.stdout)
	}
	if got.stdout != want.stdout || got.code != want.code || (got.stderr == "") != (want.stderr == "") {
		t.Errorf("%q\n got %q %q, exit code %d\nwant %q %q, exit code %d",
			args, got.stdout, got.stderr, got.code, want.stdout, want.stderr, want.code)
	}
}

func inOrder(text string) string {
	end := "\n"
	if strings.Contains(text, "\x00") {
		end = "\x00"
	}
	lines := strings.SplitAfter(text, end)
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// tree is a directory with all that an image can have, odd names first.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(4, 7))
	do := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"d", "d/e", "d/e/f", "d/.hidden", "empty", "space dir", "new\nline"} {
		do(os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	names := []string{"a", "-dash", ".dot", "it's", "tab\t", "esc\x1b[31m", "bytes\xff\xfe", "dollar$", "star*", "back\\slash", "ümlaut", "quote\"", "#hash", "~tilde", "long" + strings.Repeat("x", 200)}
	for i, name := range names {
		for _, sub := range []string{"", "d", "d/e", "space dir"} {
			text := fmt.Sprintf("line %d of %s\nfoo bar baz\n\nThe End\t%d\n", i, name, random.IntN(1000))
			text = strings.Repeat(text, random.IntN(200))
			do(os.WriteFile(filepath.Join(dir, sub, name), []byte(text), 0o644))
		}
	}
	do(os.WriteFile(filepath.Join(dir, "binary"), []byte("foo\x00bar\nfoo\n"), 0o4755))
	do(os.WriteFile(filepath.Join(dir, "no end"), []byte("foo\nlast"), 0o600))
	do(os.Truncate(filepath.Join(dir, "-dash"), 5<<40))
	for from, to := range map[string]string{"link": "a", "loop": "loop", "broken": "no/where", "dirlink": "d", "d/up": "..", "esclink": "x\x1b\n"} {
		do(os.Symlink(to, filepath.Join(dir, from)))
	}
	for _, link := range []string{"link", "loop", "broken", "dirlink", "d/up", "esclink"} {
		// Reading a link that was not read for long would change what stat says of it.
		now := unix.NsecToTimespec(time.Now().UnixNano())
		times := []unix.Timespec{now, {Sec: now.Sec - 3600}}
		do(unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, link), times, unix.AT_SYMLINK_NOFOLLOW))
	}
	do(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o640))
	do(os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "hard")))
	do(os.Chmod(filepath.Join(dir, "d/e"), 0o1777|os.ModeSticky))
	do(os.Chmod(filepath.Join(dir, "binary"), 0o755|os.ModeSetuid))
	do(os.Chmod(filepath.Join(dir, "d/a"), 0o644|os.ModeSetgid))
	for name, at := range map[string]int64{"a": 0, "it's": -86400 * 365, "tab\t": 4102444800, "d": 1700000000, "dollar$": time.Now().Unix() - 3600, "binary": 1 << 33} {
		times := []unix.Timespec{{Sec: at, Nsec: 1}, {Sec: at, Nsec: 123456789}}
		do(unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, name), times, 0))
	}
	return dir
}

func TestLs(t *testing.T) {
	dir := tree(t)
	for _, flags := range [][]string{
		nil, {"-a"}, {"-A"}, {"-l"}, {"-la"}, {"-n"}, {"-lh"}, {"-R"}, {"-lR"}, {"-1"}, {"-t"}, {"-S"}, {"-r"}, {"-tr"}, {"-i"}, {"-li"},
		{"-d"}, {"-ld"}, {"-F"}, {"-lS"}, {"-lt"}, {"-d", "d", "a"}, {"-l", "dirlink"}, {"dirlink"}, {"-L", "link"}, {"-lL", "link", "a"},
		{"a", "d", "nothere", "empty"}, {"d", "-l"}, {"-l", "link", "loop", "broken"}, {"loop"}, {"--", "-dash"}, {"-RA", "d"}, {"d/"}, {"-R", "d/"}, {"-l", "dirlink/"}, {""},
	} {
		same(t, false, dir, "", append([]string{"ls"}, flags...)...)
	}
	same(t, false, "/", "", "ls", "-ln", "/dev/null", "/dev/zero", "/etc/passwd")
	same(t, false, "/", "", "ls", "-l", "/dev/null", "/dev/zero", "/etc/passwd")
}

func TestLsHasUsage(t *testing.T) {
	got := ours(t, "/", "", "ls", "-Z")
	if got.code != 2 || !strings.Contains(got.stderr, "no option -Z") || !strings.Contains(got.stderr, "usage: ls") {
		t.Errorf("%+v", got)
	}
	if got := ours(t, "/", "", "ls", "--help"); got.code != 0 || !strings.HasPrefix(got.stdout, "usage: ls") {
		t.Errorf("%+v", got)
	}
}

func TestCat(t *testing.T) {
	dir := tree(t)
	for _, args := range [][]string{
		{"a"}, {"-n", "a", "no end", "a"}, {"-b", "a"}, {"-A", "a", "binary"}, {"-v", "binary"}, {"-E", "no end", "a"}, {"-T", "a"}, {"-s", "a"},
		{"-"}, nil, {"a", "-", "a"}, {"nothere", "a"}, {"d"}, {"loop"}, {"-n", "-"}, {"-e", "binary"}, {"-t", "a"}, {"-ns", "a"},
	} {
		same(t, false, dir, "in\nput\x01\xff\t\r\n\n\n\nx", append([]string{"cat"}, args...)...)
	}
}

func TestHeadAndTail(t *testing.T) {
	dir := tree(t)
	long := strings.Repeat("0123456789abcdef\n", 200_000)
	for _, name := range []string{"head", "tail"} {
		for _, args := range [][]string{
			{"a"}, {"-n", "3", "a"}, {"-n3", "a"}, {"-3", "a"}, {"-c", "7", "a"}, {"-c", "1k", "a"}, {"-n", "0", "a"}, {"-c", "0", "a"},
			{"a", "d/a"}, {"-q", "a", "d/a"}, {"-v", "a"}, {"nothere", "a"}, {"d", "a"}, {"no end"}, {"-n", "100000"}, {"-c", "100000"}, nil, {"-v"}, {"-n", "150000"},
		} {
			same(t, false, dir, long, append([]string{name}, args...)...)
		}
	}
	for _, args := range [][]string{{"-n", "+3", "a"}, {"-c", "+7", "a"}, {"-n", "+1", "a"}, {"-n", "+0", "a"}, {"-n", "-3", "a"}} {
		same(t, false, dir, long, append([]string{"tail"}, args...)...)
	}
}

func TestStat(t *testing.T) {
	dir := tree(t)
	formats := "%a %A %b %B %d %D %f %F %g %G %h %i %n %o %s %t %T %u %U %w %W %x %X %y %Y %z %Z %% %10s|%-10s|%04a|%010s|%.3n|%10.10A|"
	for _, name := range []string{"a", "d", "fifo", "link", "-dash", "binary", "it's", "tab\t", "d/e", "empty"} {
		same(t, false, dir, "", "stat", "--", name)
		same(t, false, dir, "", "stat", "-c", formats, "--", name)
		same(t, false, dir, "", "stat", "-L", "-c", "%n %F %s", "--", name)
	}
	same(t, false, dir, "", "stat", "/dev/null", "/dev/zero", "nothere", "loop")
	same(t, false, dir, "", "stat", "-c", "%t:%T %Hr:%Lr", "/dev/null", "/dev/zero")
	same(t, false, dir, "", "stat", "-L", "loop")
	if got := ours(t, dir, "", "stat", "-c", "%q", "a"); got.code != 1 {
		t.Errorf("%+v", got)
	}
}

func TestFind(t *testing.T) {
	dir := tree(t)
	for _, line := range []string{
		"", ".", "d", "d/ empty", "d -type f", "-type d,l", "-name a*", "-name *", "-iname THE*", "-iname A", "-path ./d/*", "-path *e*", "-name .*", "-name [!a-z]*",
		"-maxdepth 0", "-maxdepth 1", "-mindepth 2", "-mindepth 1 -maxdepth 2 -type d", "-size 0", "-size +1", "-size -2k", "-size +1M", "-size 1c", "-size +4G",
		"-perm 644", "-perm -4000", "-perm /6000", "-perm -u+s", "-perm -u=rwx", "-perm /u+s,g+s", "-perm -0", "-user root", "-uid 0", "-gid 0", "-group root", "-uid +0",
		"-newer a", "-newer d", "-empty", "-empty -type d", "-xdev -name a", "-not -type f", "! -type f", "-type f -o -type l", "-type f -a -name a",
		"( -type d -o -type l ) -name d*", "( -name a -o -name d ) -print", "! ( -name a -o -name d ) -print0", "-name d -prune -o -print", "-name e -prune -o -type f -print",
		"-print -print", "-print0", "-L d -name a", "-L . -type l", "-H dirlink -name a", "dirlink", "dirlink/ -maxdepth 1", "nothere a", "-links +1", "-links 2 -type f",
		"-mtime +10", "-mtime -1", "-mmin -600000", "-name a -exec echo found {} ;", "-name a -exec echo x{}x {} ;", "-name a -exec false ; -o -name d", "-type d -exec test -d {} ; -print",
		"-true -name a", "-false -o -name a", "-nouser", "-nogroup", "-name", "-type x", "( -name a", "-name a )", "-bogus", "-maxdepth x", "-size x", "-perm x", "-o", "!", "-inum +0 -name a",
	} {
		same(t, true, dir, "", append([]string{"find"}, strings.Fields(line)...)...)
	}
	got := ours(t, dir, "", "find", ".", "-type", "f", "-exec", "echo", "{}", "+")
	if n := strings.Count(got.stdout, " "); got.code != 0 || strings.Count(got.stdout, "./a ") != 1 || n < 30 {
		t.Errorf("%+v", got)
	}
	if got := ours(t, dir, "", "find", ".", "-name", "a", "-quit"); got.code != 0 || got.stdout != "" {
		t.Errorf("%+v", got)
	}
}

// TestFindLs holds what -ls prints without its spaces, and with names as ls has them.
func TestFindLs(t *testing.T) {
	dir := tree(t)
	args := []string{"find", "d", "dirlink", "/dev/null", "-name", "a", "-ls", "-o", "-type", "d", "-ls", "-o", "-type", "l", "-ls", "-o", "-type", "c", "-ls"}
	got, want := ours(t, dir, "", args...), real(t, dir, "", args...)
	squeeze := func(text string) string {
		lines := strings.Split(inOrder(text), "\n")
		for i, l := range lines {
			lines[i] = strings.Join(strings.Fields(strings.ReplaceAll(l, `\`, "")), " ")
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if squeeze(got.stdout) != squeeze(want.stdout) || got.code != want.code {
		t.Errorf("got\n%s\nwant\n%s", squeeze(got.stdout), squeeze(want.stdout))
	}
}

func TestGrep(t *testing.T) {
	dir := tree(t)
	text := "alpha\nbeta gamma\nAlpha Beta\nfoo.bar\nfoo+bar\na|b\n(paren)\n{brace}\nword_one two\nx\n\naaa\nabab\nback\\slash\n[set]\n^caret\n$dollar\nend$\nfoobar foo\n"
	for _, args := range [][]string{
		{"foo"}, {"-i", "alpha"}, {"-v", "a"}, {"-n", "foo"}, {"-c", "a"}, {"-q", "foo"}, {"-q", "nothing"}, {"nothing"}, {"-o", "a*"}, {"-o", "fo*"}, {"-on", "a"},
		{"-E", "foo|alpha"}, {`foo\|alpha`}, {"foo|alpha"}, {"a|b"}, {"-F", "foo.bar"}, {"-F", "a|b"}, {"-w", "foo"}, {"-w", "one"}, {"-w", "aa"}, {"-ow", "foo"}, {"-x", "aaa"}, {"-x", "a"}, {"-xF", "x"},
		{"foo.bar"}, {"foo+bar"}, {"-E", "foo+bar"}, {`foo\+bar`}, {"(paren)"}, {"-E", `\(paren\)`}, {`\(paren\)`}, {"{brace}"}, {"-E", "{brace}"}, {`a\{3\}`}, {"-E", "a{3}"}, {"-E", "a{2,}"}, {"-E", "a{,2}x"},
		{"[set]"}, {"[[]set"}, {`[]]`}, {`[\]`}, {`[^a-z]`}, {"[[:upper:]]"}, {"[[:digit:]_]"}, {"^caret"}, {`\^caret`}, {`end$`}, {`end\$`}, {"x$y"}, {"a^b"}, {"*"}, {"^*"}, {`\(*\)`}, {"-E", "(ab)*"}, {"-E", "(ab)+$"}, {`\(ab\)*`},
		{"-E", "a**"}, {"a**b"}, {"-E", "^(a|b)"}, {`\<foo\>`}, {`\bfoo\b`}, {`\w\w`}, {`\W`}, {"-e", "foo", "-e", "alpha"}, {"foo\nalpha"}, {"-m", "1", "a"}, {"-m", "0", "a"}, {"."}, {""}, {"-c", ""}, {"-cv", "."}, {"-L", "zzz"}, {"-l", "foo"},
		{"-hn", "foo", "-"}, {"-H", "foo"}, {"-E", "()"}, {"-iw", "ALPHA"}, {"-vn", "a"}, {"-E", "a|b|", "-c"}, {"-o", "b*"}, {"-oE", "[a-z]+"}, {`back\\slash`}, {"-F", `back\slash`},
	} {
		same(t, false, dir, text, append([]string{"grep"}, args...)...)
	}
	for _, args := range [][]string{
		{"-n", "foo", "a", "d/a"}, {"-h", "foo", "a", "d/a"}, {"-l", "foo", "a", "binary", "no end", "empty"}, {"-c", "foo", "a", "no end"}, {"foo", "nothere", "no end"}, {"-s", "foo", "nothere", "no end"}, {"foo", "d"}, {"foo", "no end"}, {"last", "no end"},
		{"-a", "foo", "binary"}, {"-c", "foo", "binary"}, {"-I", "foo", "binary", "no end"}, {"-Ic", "foo", "binary"}, {"-q", "foo", "nothere", "no end"}, {"-L", "last", "a", "no end"}, {"-H", "last", "no end"}, {"-o", "foo", "no end", "a"},
	} {
		same(t, false, dir, text, append([]string{"grep"}, args...)...)
	}
	for _, args := range [][]string{{"-r", "line 3"}, {"-rl", "foo", "d", "empty"}, {"-rn", "End", "d/e"}, {"-rh", "line 1 ", "."}, {"-rc", "zzz", "d"}, {"-r", "foo", "dirlink", "space dir"}} {
		same(t, true, dir, text, append([]string{"grep"}, args...)...)
	}
	if got := ours(t, dir, "", "grep", "foo", "binary"); got.stderr != "grep: binary: binary file matches\n" || got.code != 0 {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{`\(a\)\1`, "[a", `\(`, `a\{x\}`, `\)`, `a\`} {
		if got := ours(t, dir, text, "grep", bad); got.code != 2 || got.stderr == "" {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestSmallTools(t *testing.T) {
	dir := tree(t)
	for _, args := range [][]string{
		{"readlink", "link", "d/up"}, {"readlink", "-f", "link", "d/up/a", "d/../d/up/d/e"}, {"readlink", "-n", "link"}, {"readlink", "-f", "nothere"},
		{"wc", "-l", "a"}, {"wc", "-c", "a"}, {"wc", "-w", "a"}, {"wc", "-l"}, {"id"}, {"id", "-u"}, {"id", "-un"}, {"id", "-g"}, {"id", "-G"},
		{"env", "A=b", "C=d", "sh", "-c", "echo $A$C"}, {"env", "-i", "X=1"}, {"env", "-u", "TZ"}, {"sleep", "0"}, {"du", "-s", "d"}, {"du", "-sb", "d"}, {"du", "-s", "-h", "d"}, {"du", "-s", "a", "hard"},
		{"kill", "-0", fmt.Sprint(os.Getpid())}, {"kill", "-s", "0", "1999999999"},
	} {
		same(t, false, dir, "some words here\nand there\n", args...)
	}
	for _, args := range [][]string{{"du", "d"}, {"du", "-a", "d"}, {"du", "-d", "1", "."}} {
		same(t, true, dir, "", args...)
	}
	squeezed := func(r result) string { return strings.Join(strings.Fields(r.stdout), " ") }
	if got, want := ours(t, dir, "", "wc", "a", "no end"), real(t, dir, "", "wc", "a", "no end"); squeezed(got) != squeezed(want) {
		t.Errorf("%q, want %q", squeezed(got), squeezed(want))
	}
}

func TestQuoted(t *testing.T) {
	names := []string{
		"plain", "a b", "it's", "it's $x", "a\nb", "\n", "a\n", "\x1b[31m", "bytes\xff\xfe", "é", "tab\tx", "'", "''", "\"", "\\", "~", "a~", "#", "a#b", "{", "}", "{}", "=", "a=b", "-", "*", "?", "[", "]", "!", "^", "\x7f", "%", ":", ",", "@", "+",
	}
	const odd = "ab '\"\n\x01\xff$\\~#{}=!*?[]^\t"
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		name := make([]byte, 1+random.IntN(6))
		for i := range name {
			name[i] = odd[random.IntN(len(odd))]
		}
		// ls has more empty quotes than are needed beside such a quote.
		if !bytes.Contains(name, []byte("'")) {
			names = append(names, string(name))
		}
	}
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("ls", "-d", "--quoting-style=shell-escape", "--", name)
		c.Dir, c.Env = dir, []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}
		want, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := quoted(name) + "\n"; got != string(want) {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// TestTheShellReadsWhatIsQuoted holds quoted against a shell of the host.
func TestTheShellReadsWhatIsQuoted(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		name := make([]byte, random.IntN(8))
		for i := range name {
			name[i] = byte(1 + random.IntN(255))
		}
		got, err := exec.Command("bash", "-c", "printf %s "+quoted(string(name))).Output()
		if err != nil || string(got) != string(name) {
			t.Errorf("%q is quoted as %s, which is %q, %v", name, quoted(string(name)), got, err)
		}
	}
}

func TestPs(t *testing.T) {
	c := exec.Command("sh", "-c", "read x", "esc\x1b[31m", "new\nline")
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = c.Wait() }()
	for _, flags := range []string{"", "aux", "-ef", "-A"} {
		got := ours(t, "/", "", strings.Fields("ps "+flags)...)
		want := fmt.Sprintf("%7d %7d ", c.Process.Pid, os.Getpid())
		if got.code != 0 || !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, `sh -c read x esc\x1b[31m new\nline`+"\n") {
			t.Errorf("%+v", got)
		}
	}
	if got := ours(t, "/", "", "ps", "-p", "1"); got.code != 1 {
		t.Errorf("%+v", got)
	}
}

func TestProcessesWithOddNames(t *testing.T) {
	for text, want := range map[string]string{
		"7 (a) b) (c) S 3 0 0 0 0 0 0 0 0 0 100 50 0": "[a) b) (c]",
		"7 (x\x1b\n) R 3 0 0 0 0 0 0 0 0 0 100 50 0":  `[x\x1b\n]`,
	} {
		p, err := parseProcess([]byte(text))
		if err != nil || p.command != want || p.pid != 7 || p.parent != 3 || p.used != 1500*time.Millisecond {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
	}
	for _, bad := range []string{"", "7 a S 3", "7 (a) S", "x (a) S 3 0 0 0 0 0 0 0 0 0 100 50 0"} {
		if _, err := parseProcess([]byte(bad)); err == nil {
			t.Errorf("%q is understood", bad)
		}
	}
}

// TestEndOfInterrupted says that tools end when they are interrupted, wherever they wait.
func TestEndOfInterrupted(t *testing.T) {
	dir := tree(t)
	for _, args := range [][]string{{"cat", "fifo"}, {"cat", "/dev/zero"}, {"grep", "x", "fifo"}, {"head", "-n", "1", "/dev/zero"}, {"wc", "/dev/zero"}, {"sleep", "1000"}, {"tail", "fifo"}} {
		tool, _ := Find(args[0])
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		code := tool.Run(ctx, Call{Args: args[1:], Dir: dir, Stdout: io.Discard, Stderr: io.Discard})
		cancel()
		if code != 130 {
			t.Errorf("%q: exit code %d", args, code)
		}
	}
}

// TestBrokenPipe says that a tool that nobody reads ends as a program would.
func TestBrokenPipe(t *testing.T) {
	for _, args := range [][]string{{"cat", "/dev/zero"}, {"find", "/"}, {"ls", "-R", "/usr"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		tool, _ := Find(args[0])
		var stderr bytes.Buffer
		if code := tool.Run(t.Context(), Call{Args: args[1:], Dir: "/", Stdout: w, Stderr: &stderr}); code != 141 || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, %s", args, code, stderr.String())
		}
		_ = w.Close() // nobody reads it
	}
}

// TestDeepDirectories says that directories deeper than a path can be are gone through.
func TestDeepDirectories(t *testing.T) {
	const depth = 600
	dir := t.TempDir()
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range depth {
		name := "deep directory"
		err := unix.Mkdirat(at, name, 0o755)
		below, err2 := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err := errors.Join(err, err2, unix.Close(at)); err != nil {
			t.Fatal(err)
		}
		at = below
	}
	if err := unix.Close(at); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{"find . -mindepth 1": depth, "du -a": depth + 1, "ls -R": depth * 3} {
		got := ours(t, dir, "", strings.Fields(args)...)
		if n := strings.Count(got.stdout, "\n"); got.code != 0 || n < want || got.stderr != "" {
			t.Errorf("%s: %d lines, exit code %d, %.200s", args, n, got.code, got.stderr)
		}
	}
	if got := ours(t, dir, "", "grep", "-r", "x"); got.code != 1 || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

// TestLongLines says that a line without an end is no reason to keep it whole.
func TestLongLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), maxLine+maxLine/4), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ours(t, "/", "", "grep", "-c", "x", name)
	if got.code != 2 || !strings.Contains(got.stderr, "longer than 16 MiB") {
		t.Errorf("%+v", got)
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"a*b", `\(a\|b\)*`, "[^]a-z]", `a\{2,3\}`, "^*$", "(a|b){1,2}+?", "[[:alpha:]]", `\<x\>`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, pattern string, extended bool) {
		kind := byte('G')
		if extended {
			kind = 'E'
		}
		m, err := newMatcher([]string{pattern}, matcherOptions{kind: kind})
		if err == nil {
			m.line([]byte("some line"))
			m.parts([]byte("some line"))
		}
	})
}

func FuzzFindExpression(f *testing.F) {
	for _, seed := range []string{"-name\na", "(\n-type\nf\n)\n-o\n!\n-size\n+1k", "-exec\necho\n{}\n;", "-perm\n-u+s,g=w"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tool := &finder{call: &call{Call: Call{Args: strings.Split(text, "\n"), Dir: "/"}}}
		_, err := tool.parse()
		if (err == nil) != (tool.test != nil) {
			t.Errorf("%v, and the test is %v", err, tool.test != nil)
		}
	})
}

//go:build corpus && linux

package main

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestBuiltinShellOfBothKinds runs the built-in shell of the program as it is built
// statically and as plain go build does it, where there is a C compiler: its loader and
// libraries are not in an image that has one static file.
func TestBuiltinShellOfBothKinds(t *testing.T) {
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	if err := registry.Push("one:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CGO_ENABLED", "0")
	static := built(t)
	t.Setenv("CGO_ENABLED", "1")
	dynamic := built(t)
	if needsLoader(t, static) || !needsLoader(t, dynamic) {
		t.Fatal("the two programs are of one kind")
	}
	for name, program := range map[string]string{"static": static, "dynamic": dynamic} {
		for _, user := range []uint32{0, 65534} {
			run := shellsOf(t, program, user, registry.Host+"/one:1", "--bind", static+":/program:ro")
			script := `cat /file; /program version | grep -c layers; id -u; echo $LD_PRELOAD; ls /; ls /proc/self/fd | wc -l`
			got := run("--shell", "builtin", "-e", "LD_PRELOAD=/no.so", "-e", "GODEBUG=nonsense", "--", "sh", "-c", script)
			if want := "hello\n1\n0\n/no.so\ndev\nfile\nproc\nprogram\nsys\ntmp\n"; !strings.HasPrefix(got, want) {
				t.Errorf("%s, user %d: %q", name, user, got)
			}
		}
		if err := os.Chmod(program, 0o700); err != nil {
			t.Fatal(err)
		}
		run := shellsOf(t, program, 0, registry.Host+"/one:1")
		if got := run("--shell", "builtin", "--user", "1234", "--", "sh", "-c", "id -u; cat /file"); got != "1234\nhello\n" {
			t.Errorf("%s, of a program that only its owner may run: %q", name, got)
		}
		if err := os.Chmod(program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// shellsOf runs a user's shells, which must succeed, and returns what they print.
func shellsOf(t *testing.T, program string, user uint32, args ...string) func(...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir), filepath.Dir(program), filepath.Dir(filepath.Dir(program))} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.Mkdir(home, 0o755), os.Chown(home, int(user), int(user))); err != nil {
		t.Fatal(err)
	}
	return func(more ...string) string {
		t.Helper()
		c := exec.Command(program, slices.Concat([]string{"shell"}, args, more)...)
		c.Env = []string{"HOME=" + home, "TMPDIR=" + home, "LAYERS_STORE=" + filepath.Join(home, "store")}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			t.Errorf("%q: %v", c.Args, err)
		}
		return string(out)
	}
}

func needsLoader(t *testing.T, program string) bool {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

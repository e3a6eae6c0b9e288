//go:build corpus

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRealImages runs the program as it is built for users on the corpus of real
// images, and holds it to its bounds of memory.
func TestRealImages(t *testing.T) {
	registry, program := corpusHost(t), built(t)
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	for _, c := range []struct {
		image string
		warm  int64 // MB of a warm inspect
	}{
		{"python:3.10", 20}, {"python:zstd", 20}, {"app:pr", 20}, {"many:100", 30}, {"node:1", 20}, {"rpm:1", 20}, {"static:1", 20},
	} {
		ref := registry + "/" + c.image
		if mb, _ := peak(t, program, "pull", ref); mb > 150 {
			t.Errorf("%s: pull took %d MB", c.image, mb)
		}
		peak(t, program, "inspect", "-f", "json", ref) // makes the summary that the next one finds
		mb, first := peak(t, program, "inspect", "-f", "json", ref)
		if mb > c.warm {
			t.Errorf("%s: a warm inspect took %d MB, more than %d", c.image, mb, c.warm)
		}
		if _, second := peak(t, program, "inspect", "-f", "json", ref); !bytes.Equal(first, second) {
			t.Errorf("%s: two runs, two answers", c.image)
		}
	}
	peak(t, program, "cache", "verify")
}

func corpusHost(t testing.TB) string {
	t.Helper()
	host := os.Getenv("LAYERS_TEST_REGISTRY")
	if host == "" {
		t.Fatal("LAYERS_TEST_REGISTRY must be the host and port of the corpus's registry")
	}
	return host
}

// built builds the program as users do and returns its path.
func built(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "layers")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return program
}

// peak runs the program, which must succeed, and returns the most memory that it
// had, in MB, and its answer. GNU time stands in between because a process that is
// started from this one counts this one's memory as its own.
func peak(t testing.TB, program string, args ...string) (int64, []byte) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "peak")
	c := exec.Command("/usr/bin/time", append([]string{"-f", "%M", "-o", report, program}, args...)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib * 1024 / 1_000_000, stdout.Bytes()
}

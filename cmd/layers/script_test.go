package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/fixtures"
)

// state is what a story has: its registry, if it serves one.
type state struct {
	registry *fixtures.Registry
	stalled  chan struct{} // has a value for each request that a stall has caught
}

type key struct{}

var stateKey key

func (s *state) close() {
	if s.registry != nil {
		s.registry.Close()
	}
}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey).(*state) }

// exits CODE COMMAND ARG... runs a command that must end with the code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := exitCode(err); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d (%v), want %s", got, err, args[0])
	}
}

func exitCode(err error) int {
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		return ee.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// serve NAME=FILE... serves the images that the files describe (see
// fixtures.Image), and sets REG to the registry's host. FILE may be several, joined
// by +: then the name is an image index.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	if s.registry == nil {
		var err error
		s.registry, err = fixtures.NewRegistry()
		ts.Check(err)
		s.stalled = make(chan struct{}, 1000)
		ts.Setenv("REG", s.registry.Host)
	}
	for _, p := range pairs(ts, args) {
		var images []v1.Image
		for file := range strings.SplitSeq(p[1], "+") {
			images = append(images, readImage(ts, file))
		}
		if len(images) == 1 {
			ts.Check(s.registry.Push(p[0], images[0]))
		} else {
			ts.Check(s.registry.PushIndex(p[0], fixtures.Index(images...)))
		}
	}
}

// readImage reads a description, whose lines begin with ">", which keeps the
// script's own txtar apart from it.
func readImage(ts *testscript.TestScript, file string) v1.Image {
	stack, options, err := fixtures.Parse(unquote(ts.ReadFile(file)))
	ts.Check(err)
	return fixtures.Build(stack, options...)
}

func unquote(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, ">")
	}
	return strings.Join(lines, "")
}

// fault PATH KIND makes the registry answer requests for paths that contain PATH
// with a fault: auth, 429, 500, html, flip, cut, stall.
func fault(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	if len(args) != 2 || s.registry == nil {
		ts.Fatalf("usage: fault PATH KIND, after serve")
	}
	faults := map[string]fixtures.Fault{
		"auth":  fixtures.BasicAuth("ann", "secret"),
		"429":   fixtures.TooManyRequests(time.Hour),
		"html":  fixtures.HTML(),
		"flip":  fixtures.Flip(30),
		"cut":   fixtures.Cut(20),
		"stall": s.stall(),
	}
	f, ok := faults[args[1]]
	if !ok {
		ts.Fatalf("no fault %s", args[1])
	}
	m := fixtures.Match{Path: args[0]}
	if args[1] == "cut" {
		m.Times = 1
	}
	s.registry.Inject(m, f)
}

// stall is fixtures.Stall, and says when it has caught a request.
func (s *state) stall() fixtures.Fault {
	stall := fixtures.Stall(20)
	return func(r *fixtures.Registry, next http.Handler) http.Handler {
		h := stall(r, next)
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			s.stalled <- struct{}{}
			h.ServeHTTP(w, req)
		})
	}
}

func heal(ts *testscript.TestScript, _ bool, _ []string) { stateOf(ts).registry.Heal() }

// layout DIR NAME=FILE... writes an OCI layout; a DIR that ends in .tar is a tar.
func layout(ts *testscript.TestScript, _ bool, args []string) {
	images := namedImages(ts, args[1:])
	path := ts.MkAbs(args[0])
	if !strings.HasSuffix(path, ".tar") {
		ts.Check(fixtures.WriteLayout(path, images...))
		return
	}
	writeTo(ts, path, func(w io.Writer) error { return fixtures.WriteLayoutTar(w, images...) })
}

// archive FILE NAME=FILE... writes what docker save would.
func archive(ts *testscript.TestScript, _ bool, args []string) {
	images := namedImages(ts, args[1:])
	writeTo(ts, ts.MkAbs(args[0]), func(w io.Writer) error { return fixtures.WriteDockerArchive(w, images...) })
}

func namedImages(ts *testscript.TestScript, args []string) []fixtures.Named {
	var images []fixtures.Named
	for _, p := range pairs(ts, args) {
		images = append(images, fixtures.Named{Name: p[0], Image: readImage(ts, p[1])})
	}
	return images
}

func writeTo(ts *testscript.TestScript, path string, write func(io.Writer) error) {
	f, err := os.Create(path)
	ts.Check(err)
	ts.Check(errors.Join(write(f), f.Close()))
}

// interrupt SIGNAL CODE COMMAND ARG... runs a command until the registry has
// stalled one of its downloads, sends it the signal, and checks its exit code. What
// it said is left in the file interrupted.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	signal := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}[args[0]]
	path := filepath.SplitList(ts.Getenv("PATH"))[0]
	c := exec.Command(filepath.Join(path, args[2]), args[3:]...)
	c.Env = environment(ts)
	var out bytes.Buffer
	c.Stdout, c.Stderr, c.Dir = &out, &out, ts.MkAbs(".")
	ts.Check(c.Start())
	<-s.stalled
	ts.Check(c.Process.Signal(signal))
	if got := exitCode(c.Wait()); strconv.Itoa(got) != args[1] {
		ts.Fatalf("exit code %d, want %s: %s", got, args[1], out.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("interrupted"), out.Bytes(), 0o600))
}

// damage FILE flips a bit in the middle of a file; a pattern must match one.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("no file %s", args[0])
	}
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	data[len(data)/2] ^= 1
	ts.Check(os.Chmod(found[0], 0o600))
	ts.Check(os.WriteFile(found[0], data, 0o600))
}

// owner UID DIR gives a directory to another user.
func owner(ts *testscript.TestScript, _ bool, args []string) {
	uid, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.Chown(ts.MkAbs(args[1]), uid, uid))
}

// width FILE N checks that no line is wider than N columns, and that nothing in the
// file could steer a terminal.
func width(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimSuffix(line, "\n")
		if n := report.Width(line); n > most {
			ts.Fatalf("%d columns: %s", n, line)
		}
		if term.Escape(line) != line {
			ts.Fatalf("not escaped: %q", line)
		}
	}
}

// json FILE checks that a file is exactly one JSON document.
func isJSON(ts *testscript.TestScript, _ bool, args []string) {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var v any
	ts.Check(d.Decode(&v))
	if err := d.Decode(&v); err != io.EOF {
		ts.Fatalf("more than one document: %v", err)
	}
}

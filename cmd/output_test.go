package cmd

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func writing(text string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, e := io.WriteString(w, text); e != nil {
			return e
		}
		return err
	}
}

func TestAnswerFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	p := &program{stdout: io.Discard}
	broken := errors.New("broken")
	if err := p.answer(path, writing("half", broken)); err != broken || len(names(t, dir)) != 0 {
		t.Errorf("%v, left behind: %v", err, names(t, dir))
	}
	if err := p.answer(path, writing("first", nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := p.answer(path, writing("half", broken)); err != broken {
		t.Errorf("%v", err)
	}
	if got, err := os.ReadFile(path); string(got) != "first" || err != nil {
		t.Errorf("a failure changed the file: %q, %v", got, err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("out", link); err != nil {
		t.Fatal(err)
	}
	if err := p.answer(link, writing("second", nil)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	info, err2 := os.Lstat(path)
	if string(got) != "second" || errors.Join(err, err2) != nil || info.Mode() != 0o640 || len(names(t, dir)) != 2 {
		t.Errorf("%q, %v, %v, %v, %v", got, err, err2, info.Mode(), names(t, dir))
	}
}

func TestAnswerInPlace(t *testing.T) {
	p := &program{stdout: io.Discard}
	if err := p.answer("/dev/null", writing("x", nil)); err != nil {
		t.Errorf("/dev/null: %v", err)
	}
	if err := p.answer("/dev/full", writing("x", nil)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("/dev/full: %v", err)
	}
	var out *outputError
	if err := p.answer(t.TempDir(), writing("x", nil)); !errors.As(err, &out) {
		t.Errorf("a directory: %v", err)
	}
	if err := p.answer(filepath.Join(t.TempDir(), "a", "b"), writing("x", nil)); !errors.As(err, &out) {
		t.Errorf("no directory: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestAnswerToAStdoutThatFails(t *testing.T) {
	p := &program{stdout: failing{syscall.EPIPE}}
	if m := explain(p.answer("", writing("x", nil))); m.code != exitPipe || m.line != "" {
		t.Errorf("%+v", m)
	}
	p.stdout = failing{syscall.ENOSPC}
	if m := explain(p.answer("-", writing("x", nil))); m.code != exitHost {
		t.Errorf("%+v", m)
	}
}

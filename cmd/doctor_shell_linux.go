package cmd

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cache/userns"
)

// checkShells tries a shell in an empty image: what it cannot have, none can, and what is
// said about that is what layers shell says.
func checkShells(dir string) finding {
	f := finding{Check: "shells", State: stateOK, What: "one was tried and works"}
	err := tryShell(dir)
	if err == nil {
		return f
	}
	m := explain(shellAdvice(err))
	return finding{Check: "shells", State: stateNo, What: m.line, Detail: m.detail, Do: m.hint}
}

// tryShell makes all of a shell but a command, which the image does not have.
func tryShell(dir string) (err error) {
	top, err := os.MkdirTemp(dir, ".doctor-")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		top, err = os.MkdirTemp("", "layers-doctor-")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(top)) }()
	layers := []string{filepath.Join(top, "a"), filepath.Join(top, "b")}
	c := shell.Config{Layers: layers, UserXattr: os.Geteuid() != 0 || inside(), Scratch: filepath.Join(top, "root"), Command: []string{"/nothing"}, User: "0"}
	for _, d := range append(layers, c.Scratch) {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close() // nothing was written
	h := shell.Host{Stdin: null, Stdout: null, Stderr: null}
	if os.Geteuid() != 0 {
		h.Map = userns.Self().Apply
	}
	s, err := shell.Prepare(h)
	if err != nil {
		return err
	}
	_, err = s.Run(c, shell.Events{})
	if missing, ok := errors.AsType[*shell.CommandError](err); ok && missing.Code == exitNowhere {
		return nil
	}
	return err
}

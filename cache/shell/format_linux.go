package shell

import (
	"debug/elf"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// format says what kind of file the kernel could not run.
func format(file string) string {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return "neither an ELF file nor a script with #!"
	}
	machine := strings.ToLower(strings.TrimPrefix(e.Machine.String(), "EM_"))
	return "it is for " + machine + " (" + strings.ToLower(e.Class.String()) + "), this machine is " + runtime.GOARCH
}

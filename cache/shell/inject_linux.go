package shell

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// BuiltinRole is the first argument by which this program knows that it is the built-in
// shell of an image: the next is the image's name, and the rest a command, if there is
// one. Its environment is in the form of BuiltinEnvironment.
const BuiltinRole = "shell, built in"

// variablePrefix keeps the image's variables apart from those that this program's own
// loader and runtime listen to, as LD_PRELOAD and GODEBUG.
const variablePrefix = "layers:"

// BuiltinEnvironment is the environment of a built-in shell as it was meant.
func BuiltinEnvironment(environ []string) (env []string) {
	for _, e := range environ {
		if meant, ok := strings.CutPrefix(e, variablePrefix); ok {
			env = append(env, meant)
		}
	}
	return env
}

// injected is this program, to be started in a root that does not have it. Everything
// is a file of its own, read-only for good, which no directory shows.
type injected struct {
	program   int
	loader    int // -1 for a program that needs none
	libraries []int
}

// inject takes what this program is made of from the host.
func inject() (*injected, error) {
	in := &injected{loader: -1}
	var err error
	if in.program, err = self(); err != nil {
		return nil, fmt.Errorf("this program: %w", err)
	}
	interpreter, err := interpreter("/proc/self/exe")
	if err != nil || interpreter == "" {
		return in, err
	}
	loader, err := os.Stat(interpreter)
	if err != nil {
		return nil, err
	}
	if in.loader, err = takeFile(interpreter); err != nil {
		return nil, err
	}
	libraries, err := mapped()
	if err != nil {
		return nil, err
	}
	for _, name := range libraries {
		st, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if os.SameFile(st, loader) {
			continue
		}
		fd, err := takeFile(name)
		if err != nil {
			return nil, err
		}
		in.libraries = append(in.libraries, fd)
	}
	return in, nil
}

// takeFile makes a file a mount of its own, which is attached nowhere.
func takeFile(name string) (int, error) {
	return clone(unix.AT_FDCWD, name, quiet|readOnly)
}

// self takes the file of this program by its name, in our own copy of the host's
// mounts: what /proc/self/exe leads to is still the host's, which can be written. Where
// the name leads elsewhere (the file was replaced or removed), or not everybody may run
// the file, it is a copy in memory.
func self() (int, error) {
	running, err := os.Stat("/proc/self/exe")
	if err != nil {
		return -1, err
	}
	name, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return -1, err
	}
	named, err := os.Stat(name)
	if err == nil && os.SameFile(running, named) && running.Mode().Perm()&0o005 == 0o005 {
		return takeFile(name)
	}
	return sealed("/proc/self/exe")
}

// sealed copies a file into memory, where nobody can change it.
func sealed(name string) (fd int, err error) {
	from, err := os.Open(name)
	if err != nil {
		return -1, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if fd, err = unix.MemfdCreate("layers", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING); err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	to := os.NewFile(uintptr(fd), "layers")
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := io.Copy(to, from); err != nil {
		return -1, err
	}
	if err := to.Chmod(0o555); err != nil {
		return -1, err
	}
	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return -1, fmt.Errorf("sealing a copy: %w", err)
	}
	return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_PATH|unix.O_CLOEXEC, 0)
}

// interpreter is what the kernel starts for a program in its place, or "".
func interpreter(name string) (string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(p.Open(), unix.PathMax))
		if err != nil {
			return "", fmt.Errorf("the interpreter of %s: %w", name, err)
		}
		return strings.TrimRight(string(text), "\x00"), nil
	}
	return "", nil
}

// mapped are the files whose code this process runs, but for its own program's.
func mapped() (names []string, err error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), " ", 6)
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		name := strings.TrimLeft(fields[5], " ")
		if filepath.IsAbs(name) && name != own {
			names = append(names, name)
		}
	}
	return names, lines.Err()
}

// prepare says how the program is started with its arguments, by descriptors alone.
// What a loader needs is given to it as files 3 and up, which the program must close
// before it does anything else.
func (in *injected) prepare(args []string, attr *syscall.ProcAttr) (file string, argv []string, err error) {
	start, argv := in.arguments(args, func(fd int) int {
		attr.Files = append(attr.Files, uintptr(fd))
		return len(attr.Files) - 1
	})
	// Above all that it gets, so that it is not overwritten before it is run.
	high, err := unix.FcntlInt(uintptr(start), unix.F_DUPFD_CLOEXEC, 3+len(attr.Files))
	if err != nil {
		return "", nil, err
	}
	for i, e := range attr.Env {
		attr.Env[i] = variablePrefix + e
	}
	return descriptor(high), argv, nil
}

// become starts the program in the place of this one, without an environment. Of this
// process's descriptors it has those that are kept, and those that a loader needs.
func (in *injected) become(args []string, kept []int) error {
	start, argv := in.arguments(args, func(fd int) int {
		kept = append(kept, fd)
		return fd
	})
	for _, fd := range kept {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	return unix.Exec(descriptor(start), argv, nil)
}

// arguments are what is started, and its arguments: a loader (ld.so(8)) is told of the
// program, and of the libraries beforehand, for which it then does not look. What is
// given has the number that give returns.
func (in *injected) arguments(args []string, give func(fd int) int) (start int, argv []string) {
	argv = []string{"layers"}
	if in.loader < 0 {
		return in.program, append(argv, args...)
	}
	program := descriptor(give(in.program))
	var libraries []string
	for _, fd := range in.libraries {
		libraries = append(libraries, descriptor(give(fd)))
	}
	if len(libraries) > 0 {
		argv = append(argv, "--preload", strings.Join(libraries, ":"))
	}
	return in.loader, append(append(argv, program), args...)
}

func descriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

package shell

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// devices are the host's that a command may use. A mount of them is read-only: that
// keeps their owner and mode, and writing to a device is no write to its file system.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// devLinks are what programs expect beside them.
var devLinks = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	"ptmx": "pts/ptmx",
}

// dev makes /dev, and returns the descriptor of its pseudo-terminals.
func (r *root) dev() (pts int, err error) {
	at, err := r.plain("/dev")
	if err != nil {
		return -1, err
	}
	dev, err := filesystem("tmpfs", quiet|unix.MOUNT_ATTR_NOEXEC, "mode=0755", "size=64m", "source=layers")
	if err != nil {
		return -1, errors.Join(err, unix.Close(at))
	}
	for name, to := range devLinks {
		if err := unix.Symlinkat(to, dev, name); err != nil {
			return -1, fmt.Errorf("/dev/%s: %w", name, err)
		}
	}
	for _, dir := range []string{"pts", "shm", "mqueue"} {
		if err := unix.Mkdirat(dev, dir, 0o755); err != nil {
			return -1, fmt.Errorf("/dev/%s: %w", dir, err)
		}
	}
	for _, name := range devices {
		file, err := unix.Openat(dev, name, unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return -1, fmt.Errorf("/dev/%s: %w", name, err)
		}
		_ = unix.Close(file)
	}
	if err := attach(dev, at); err != nil {
		return -1, fmt.Errorf("/dev: %w", err)
	}
	for _, name := range devices {
		if err := r.device(name); err != nil {
			return -1, err
		}
	}
	shm, err := filesystem("tmpfs", inert, "mode=1777", "size=64m", "source=layers")
	if err := r.on("/dev/shm", shm, err); err != nil {
		return -1, err
	}
	queue, err := filesystem("mqueue", inert)
	if err := r.on("/dev/mqueue", queue, err); err != nil {
		return -1, err
	}
	return r.pts()
}

func (r *root) device(name string) error {
	m, err := clone(unix.AT_FDCWD, "/dev/"+name, readOnly|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return err
	}
	at, err := r.open("/dev/"+name, 0)
	if err != nil {
		return errors.Join(fmt.Errorf("/dev/%s: %w", name, err), unix.Close(m))
	}
	return attach(m, at)
}

// pts makes pseudo-terminals of its own; their group is tty, where that is mapped.
func (r *root) pts() (int, error) {
	options := []string{"newinstance", "ptmxmode=0666", "mode=0620"}
	attributes := unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
	m, err := filesystem("devpts", attributes, append(options, "gid=5")...)
	if errors.Is(err, unix.EINVAL) {
		m, err = filesystem("devpts", attributes, options...)
	}
	if err := r.on("/dev/pts", m, err); err != nil {
		return -1, err
	}
	fd, err := r.open("/dev/pts", unix.O_DIRECTORY)
	return fd, r.failed("/dev/pts", err)
}

//go:build linux && (amd64 || arm64)

package seccomp

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempt is a system call that does no harm if it gets through.
type attempt struct {
	number uintptr
	args   [4]uintptr
}

const minusOne = ^uintptr(0)

// dangerous is what the profile allows to nobody or to those with a capability.
var dangerous = map[string]attempt{
	"mount":                     {unix.SYS_MOUNT, [4]uintptr{}},
	"umount2":                   {unix.SYS_UMOUNT2, [4]uintptr{}},
	"move_mount":                {unix.SYS_MOVE_MOUNT, [4]uintptr{minusOne}},
	"fsopen":                    {unix.SYS_FSOPEN, [4]uintptr{}},
	"open_tree":                 {unix.SYS_OPEN_TREE, [4]uintptr{minusOne}},
	"pivot_root":                {unix.SYS_PIVOT_ROOT, [4]uintptr{}},
	"chroot":                    {unix.SYS_CHROOT, [4]uintptr{}},
	"setns":                     {unix.SYS_SETNS, [4]uintptr{minusOne}},
	"unshare(CLONE_NEWUSER)":    {unix.SYS_UNSHARE, [4]uintptr{unix.CLONE_NEWUSER}}, // invalid with several threads
	"unshare(CLONE_NEWNS)":      {unix.SYS_UNSHARE, [4]uintptr{unix.CLONE_NEWNS | unix.CLONE_CLEAR_SIGHAND<<1}},
	"clone(CLONE_NEWNS)":        {unix.SYS_CLONE, [4]uintptr{unix.CLONE_NEWNS | unix.CLONE_FS}},
	"clone(CLONE_NEWUSER)":      {unix.SYS_CLONE, [4]uintptr{unix.CLONE_NEWUSER | unix.CLONE_FS}},
	"keyctl":                    {unix.SYS_KEYCTL, [4]uintptr{999}},
	"add_key":                   {unix.SYS_ADD_KEY, [4]uintptr{}},
	"request_key":               {unix.SYS_REQUEST_KEY, [4]uintptr{}},
	"bpf":                       {unix.SYS_BPF, [4]uintptr{999}},
	"perf_event_open":           {unix.SYS_PERF_EVENT_OPEN, [4]uintptr{}},
	"userfaultfd":               {unix.SYS_USERFAULTFD, [4]uintptr{minusOne}},
	"io_uring_setup":            {unix.SYS_IO_URING_SETUP, [4]uintptr{}},
	"reboot":                    {unix.SYS_REBOOT, [4]uintptr{}},
	"kexec_load":                {unix.SYS_KEXEC_LOAD, [4]uintptr{0, 1, 0, minusOne}},
	"init_module":               {unix.SYS_INIT_MODULE, [4]uintptr{}},
	"finit_module":              {unix.SYS_FINIT_MODULE, [4]uintptr{minusOne}},
	"swapon":                    {unix.SYS_SWAPON, [4]uintptr{0, minusOne}},
	"acct":                      {unix.SYS_ACCT, [4]uintptr{1}},
	"syslog":                    {unix.SYS_SYSLOG, [4]uintptr{999}},
	"settimeofday":              {unix.SYS_SETTIMEOFDAY, [4]uintptr{1}},
	"open_by_handle_at":         {unix.SYS_OPEN_BY_HANDLE_AT, [4]uintptr{minusOne}},
	"process_madvise":           {unix.SYS_PROCESS_MADVISE, [4]uintptr{minusOne}},
	"kcmp":                      {unix.SYS_KCMP, [4]uintptr{minusOne, minusOne}},
	"ioctl(TIOCSTI)":            {unix.SYS_IOCTL, [4]uintptr{minusOne, unix.TIOCSTI}},
	"ioctl(TIOCSTI + 2^32)":     {unix.SYS_IOCTL, [4]uintptr{minusOne, unix.TIOCSTI | 1<<32}},
	"ioctl(TIOCSTI + 2^64)":     {unix.SYS_IOCTL, [4]uintptr{minusOne, unix.TIOCSTI | 0xffffffff<<32}},
	"ioctl(TIOCLINUX)":          {unix.SYS_IOCTL, [4]uintptr{minusOne, unix.TIOCLINUX}},
	"personality(READ_IMPLIES)": {unix.SYS_PERSONALITY, [4]uintptr{0x0400000}},
	"socket(AF_VSOCK)":          {unix.SYS_SOCKET, [4]uintptr{unix.AF_VSOCK, unix.SOCK_STREAM}},
	"socket(AF_VSOCK + 2^32)":   {unix.SYS_SOCKET, [4]uintptr{unix.AF_VSOCK | 1<<32, unix.SOCK_STREAM}},
	"socket(AF_ALG)":            {unix.SYS_SOCKET, [4]uintptr{unix.AF_ALG, unix.SOCK_SEQPACKET}},
}

// unheardOf gives ENOSYS.
var unheardOf = map[string]attempt{
	"clone3":         {unix.SYS_CLONE3, [4]uintptr{}},
	"open_tree_attr": {unix.SYS_OPEN_TREE_ATTR, [4]uintptr{minusOne}},
	"number 600":     {600, [4]uintptr{}},
	"number -1":      {minusOne, [4]uintptr{}},
	"x32":            {0x40000000 | unix.SYS_GETPID, [4]uintptr{}},
}

// harmless is what the filter does not touch.
var harmless = map[string]attempt{
	"getpid":                   {unix.SYS_GETPPID, [4]uintptr{}},
	"ptrace":                   {unix.SYS_PTRACE, [4]uintptr{unix.PTRACE_DETACH, minusOne}},
	"process_vm_readv":         {unix.SYS_PROCESS_VM_READV, [4]uintptr{minusOne}},
	"ioctl(TCGETS)":            {unix.SYS_IOCTL, [4]uintptr{minusOne, unix.TCGETS}},
	"personality(query)":       {unix.SYS_PERSONALITY, [4]uintptr{0xffffffff}},
	"personality(PER_LINUX)":   {unix.SYS_PERSONALITY, [4]uintptr{0}},
	"socket(AF_UNIX)":          {unix.SYS_SOCKET, [4]uintptr{unix.AF_UNIX, unix.SOCK_STREAM}},
	"socket(AF_INET6)":         {unix.SYS_SOCKET, [4]uintptr{unix.AF_INET6, unix.SOCK_STREAM}},
	"socket(AF_NETLINK)":       {unix.SYS_SOCKET, [4]uintptr{unix.AF_NETLINK, unix.SOCK_RAW}},
	"socket(AF_UNSPEC)":        {unix.SYS_SOCKET, [4]uintptr{unix.AF_UNSPEC, unix.SOCK_STREAM}},
	"clone without namespaces": {unix.SYS_CLONE, [4]uintptr{unix.CLONE_THREAD}}, // invalid without CLONE_SIGHAND
	"execve":                   {unix.SYS_EXECVE, [4]uintptr{}},
	"openat2":                  {unix.SYS_OPENAT2, [4]uintptr{minusOne}},
	"memfd_create":             {unix.SYS_MEMFD_CREATE, [4]uintptr{0, minusOne}},
	"landlock_create_ruleset":  {unix.SYS_LANDLOCK_CREATE_RULESET, [4]uintptr{0, 0, minusOne}},
	"seccomp":                  {unix.SYS_SECCOMP, [4]uintptr{999}},
}

func (a attempt) try() syscall.Errno {
	_, _, errno := unix.Syscall6(a.number, a.args[0], a.args[1], a.args[2], a.args[3], 0, 0)
	return errno
}

// tried is how attempts ended, by their names.
type tried struct {
	Dangerous, UnheardOf, Harmless map[string]syscall.Errno
}

func tryAll() tried {
	runtime.LockOSThread()
	each := func(attempts map[string]attempt) map[string]syscall.Errno {
		out := map[string]syscall.Errno{}
		for name, a := range attempts {
			out[name] = a.try()
		}
		return out
	}
	return tried{each(dangerous), each(unheardOf), each(harmless)}
}

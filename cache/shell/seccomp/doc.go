// Package seccomp keeps a process from system calls that nothing in a container needs:
// with the default profile of container engines, as a classic BPF program for the
// kernel (seccomp(2)).
//
// The profile is that of github.com/moby/profiles/seccomp. Its rules and the numbers of
// the system calls are in tables.go, so that no profile is parsed when a process
// starts; a test says that they are the library's. What is not as the profile has it:
//
//   - ioctl with TIOCSTI or TIOCLINUX is refused, with any upper half of the request,
//     which the kernel does not look at: they type into the terminal that is shared
//     with the caller (CVE-2017-5226, CVE-2019-10063, CVE-2023-28100).
//   - A number above the newest system call of the profile gives ENOSYS, so that a C
//     library tries an older one, as runc does.
//   - The x32 ABI, whose numbers are above all of them, gives ENOSYS like a kernel that
//     is built without it.
//   - A system call by another architecture's convention ends the process.
package seccomp

package shell

// CommandError says why a command could not be run.
type CommandError struct {
	// Code is what env(1) and podman exit with: 126 cannot be run, 127 is not there.
	Code int
	Text string
	Hint string

	missing bool // there is nothing that could not be run
}

// Error says which command, and why.
func (e *CommandError) Error() string { return e.Text }

// HostError says what of a shell this host does not allow. Without a Hint, the kernel has
// refused what every shell needs: what this program runs in may be why.
type HostError struct {
	Text string
	Hint string
	Err  error
}

// Error says what was tried, and what the kernel said.
func (e *HostError) Error() string { return e.Text }

// Unwrap returns the system's error, where it was in this process.
func (e *HostError) Unwrap() error { return e.Err }

// refused is the error of a system call that no image has a part in.
func refused(what string, err error) error {
	return &HostError{Text: what + ": " + err.Error(), Err: err}
}

// SetupError says why an image's root could not be made into a shell's.
type SetupError struct{ Text string }

// Error says what was tried, and why it failed.
func (e *SetupError) Error() string { return e.Text }

// KilledError says that a shell's processes were all killed from outside of it, as when
// its memory is at its limit.
type KilledError struct{}

// Error says so.
func (*KilledError) Error() string { return "the shell was killed" }

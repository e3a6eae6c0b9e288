package systemd

// Delegation is what has systemd give every controller to the managers of users.
const Delegation = `as root: mkdir -p /etc/systemd/system/user@.service.d && ` +
	`printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >/etc/systemd/system/user@.service.d/delegate.conf && ` +
	`systemctl daemon-reload, then log in anew`

// UnreachableError says why a service manager cannot be asked, and what to do.
type UnreachableError struct {
	Cause  string
	Remedy string
	Err    error
}

// Error says whom, and why.
func (e *UnreachableError) Error() string { return e.Cause }

// Unwrap returns the error of the connection.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Package systemd asks the service manager for what only it may do to its control
// groups: a scope of one's own, with the controllers delegated.
package systemd

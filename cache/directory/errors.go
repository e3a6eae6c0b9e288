package directory

import "fmt"

// ChangedError says that something in the directory was changed or removed while it
// was read, so that what was read of it may never have been there at any one time.
type ChangedError struct {
	Path string // on the host
	Gone bool
}

// Error names the path, as the host has it.
func (e *ChangedError) Error() string {
	if e.Gone {
		return e.Path + " was removed while it was read"
	}
	return e.Path + " was changed while it was read"
}

// NameError says that the directory has a file whose name means something else in a
// layer: ".wh." and what follows removes a file.
type NameError struct{ Path string } // on the host

// Error names the path, as the host has it.
func (e *NameError) Error() string {
	return e.Path + ": in a layer, a name that begins with .wh. removes a file"
}

// EntryError says that a tar has no way to write what a file is.
type EntryError struct {
	Path string // on the host
	Err  error
}

// Error names the path, as the host has it, and what is in the way.
func (e *EntryError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns what is in the way.
func (e *EntryError) Unwrap() error { return e.Err }

package source

import (
	"fmt"
	"strings"
	"time"
)

// NotFoundError says that the source has no such image, tag or file.
type NotFoundError struct {
	Name   string   // as the user wrote it
	Reason string   // "no such tag", "not found, or private (401 from HOST)"
	Detail []string // lines that explain, such as which credential files were looked at
	Have   []string // what there is instead: tags of a layout, images of an archive
}

// Error is one line, without Detail and Have, which may be long.
func (e *NotFoundError) Error() string { return e.Name + ": " + e.Reason }

// PlatformError says that the image exists, but not for the platform.
type PlatformError struct {
	Name string
	Want string
	Have []string
}

// Error names the platform that is missing, and not those that there are.
func (e *PlatformError) Error() string {
	return fmt.Sprintf("%s has no %s", e.Name, e.Want)
}

// AuthError says that a registry or a socket did not let us in.
type AuthError struct {
	Name   string
	Host   string
	Detail []string // which credentials were tried, from which files
	Err    error
}

// Error names the host, and never a credential.
func (e *AuthError) Error() string {
	return fmt.Sprintf("%s: %s refused access: %v", e.Name, e.Host, e.Err)
}

// Unwrap returns what the registry answered, or the error of the socket.
func (e *AuthError) Unwrap() error { return e.Err }

// TemporaryError says that trying again later may work.
type TemporaryError struct {
	Name  string
	Host  string
	After time.Duration // how long the server asked us to wait; 0 if it did not say
	// Detail are lines that explain: who asked, what is left of a rate limit.
	Detail []string
	Err    error
}

// Error is one line, without Detail and After.
func (e *TemporaryError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Name, e.Host, e.Err) }

// Unwrap returns what went wrong at the last attempt.
func (e *TemporaryError) Unwrap() error { return e.Err }

// KindError says that a file or an artifact is not an image.
type KindError struct {
	Name string
	Is   string // what it is: "a Helm chart", "a PNG picture", "a directory without oci-layout"
}

// Error says what the thing is instead.
func (e *KindError) Error() string { return fmt.Sprintf("%s is %s, not an image", e.Name, e.Is) }

// DirectoryError says that a directory of files was named where an image is wanted.
type DirectoryError struct{ Name string }

// Error says what was named.
func (e *DirectoryError) Error() string { return e.Name + " is a directory of files, not an image" }

// MalformedError says that an image's manifest, index or config is not what the
// specification demands.
type MalformedError struct {
	Name string
	What string // "manifest", "config", "index" …
	Err  error
}

// Error names the image and its part.
func (e *MalformedError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Name, e.What, e.Err) }

// Unwrap returns what is wrong with the part.
func (e *MalformedError) Unwrap() error { return e.Err }

// UnavailableError says that this host cannot reach the source: no socket, no
// permission, a transport that is not supported here.
type UnavailableError struct {
	Name   string
	Err    error
	Detail []string
}

// Error is one line, without Detail.
func (e *UnavailableError) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Err) }

// Unwrap returns why, such as the error of connecting to a socket.
func (e *UnavailableError) Unwrap() error { return e.Err }

// ReferenceError says that a reference cannot be understood.
type ReferenceError struct {
	Text, Reason string
}

// Error quotes the reference, so that it is safe to print whatever it holds.
func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q is not an image reference: %s", strings.ToValidUTF8(e.Text, "�"), e.Reason)
}

// OfflineError says that the image is in a registry and that none may be asked.
type OfflineError struct{ Name string }

// Error names the image as it was asked for.
func (e *OfflineError) Error() string {
	return e.Name + ": is in a registry, and registries are not asked when offline"
}

// DigestError says that a source sent something else than what was asked for by
// its digest and size.
type DigestError struct {
	Name      string
	What      string // "manifest", "config", "layer sha256:…"
	Want, Got string // digests, or sizes ("17 bytes")
}

// Error names what was asked for and what came, whole.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%s: %s is damaged: got %s instead of %s", e.Name, e.What, e.Got, e.Want)
}

// ProtocolError says that a registry answered what no registry should.
type ProtocolError struct {
	Name   string
	Host   string
	Reason string // "sent an HTML page instead of a manifest"
	Detail []string
}

// Error is one line, without Detail.
func (e *ProtocolError) Error() string { return fmt.Sprintf("%s: %s %s", e.Name, e.Host, e.Reason) }

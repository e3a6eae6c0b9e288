//go:build linux

package shell

import (
	"encoding/json"
	"time"

	"github.com/layers/layers/cache/shell/console"
)

// Config says what a shell is. It is sent to the process that becomes it.
type Config struct {
	// Root is for the function that mounts the root: see Main.
	Root json.RawMessage
	// Scratch is an empty directory of this run, on which things are mounted while the
	// root is built. Nothing is ever written in it.
	Scratch string
	// Writable lets the command write in the root. What it writes is kept in memory and
	// thrown away, or kept in the directory Keep.
	Writable bool
	Keep     string
	// Binds are files and directories of the host, seen in the root, in this order.
	Binds []Bind
	// HostNetwork shares the host's network. Without it there is a loopback only.
	HostNetwork bool
	// Terminal gives the command a terminal of its own, of a Size that Run sets.
	Terminal bool
	Size     console.Size
	// Hostname is the name of the machine, as the command sees it.
	Hostname string
	// Command is what runs, looked for in the PATH of Env. If it is empty, the first of
	// Shells that exists runs.
	Command []string
	Shells  []string
	Env     []string
	// Dir is where the command starts. It is made if it is missing.
	Dir string
	// User is who the command runs as: USER[:GROUP], names of the image or numbers. If
	// it is not mapped into the user namespace, AnyUser says that root will do.
	User    string
	AnyUser bool
	// Capabilities are what the command keeps, as CAP_NET_RAW.
	Capabilities []string
}

// Role is the only argument by which this program knows that it is to become a shell's
// init, and call Main.
const Role = "init, of a shell"

// InitThreads is how many threads the init may have, which count as processes of the
// shell's control group: a limit for the command is to be so much higher.
const InitThreads = 10

// Bind is a file or directory of the host, and where the command sees it.
type Bind struct {
	From, To string
	ReadOnly bool
}

// Started tells of a command that runs: its program was loaded, and nothing of it ran.
type Started struct {
	// At is when, by the host's clock.
	At time.Time
	// Command is the file of the program that runs.
	Command string
	// User is who it runs as.
	User Identity
	// Substituted says that it is root since the image's user is not mapped.
	Substituted string `json:",omitempty"`
}

// Ended tells how a command ended.
type Ended struct {
	// Code is its exit code, or 128 and the signal that killed it.
	Code int
	// Wall is from its first instruction to its end; User and System are the CPU time of
	// it and of all that it started, and Memory the most bytes that one of these
	// processes had.
	Wall, User, System time.Duration
	Memory             int64
}

// Change is a path that the command changed in the root, as a layer would record it.
type Change struct {
	Kind ChangeKind
	Path string // from the root, without a slash before it; a directory ends in one
	Size int64  // bytes of a regular file
}

// ChangeKind is how a path was changed.
type ChangeKind string

// The kinds of changes. A replaced directory has nothing of what the image had in it.
const (
	Added    ChangeKind = "added"
	Modified ChangeKind = "modified"
	Deleted  ChangeKind = "deleted"
	Replaced ChangeKind = "replaced"
)

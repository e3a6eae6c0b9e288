//go:build linux

package shell

import (
	"time"

	"github.com/layers/layers/cache/shell/console"
)

// Config says what a shell is. It is sent to the process that becomes it.
type Config struct {
	// Layers are the directories that the root is mounted of, bottom first: see package
	// mount, and its Options.UserXattr.
	Layers    []string
	UserXattr bool
	// Scratch is an empty directory of this run, on which things are mounted while the
	// root is built. Nothing is ever written in it.
	Scratch string
	// Writable lets the command write in the root. What it writes is in memory and goes
	// with it, or in the directory Keep and stays.
	Writable bool
	Keep     string
	// Binds are files and directories of the host, seen in the root, in this order.
	Binds []Bind
	// HostNetwork and Terminal are what Host has, and Size is the terminal's: Run sets
	// them.
	HostNetwork, Terminal bool
	Size                  console.Size
	// Hostname is the name of the machine, as the command sees it.
	Hostname string
	// Command is what runs, looked for in the PATH of Env. If it is empty, the first of
	// Shells that exists runs.
	Command []string
	Shells  []string
	// Builtin says when it is this program's built-in shell that runs, and Name is what
	// that calls the image.
	Builtin Builtin
	Name    string
	Env     []string
	// Dir is where the command starts. It is made if it is missing.
	Dir string
	// User is who the command runs as: USER[:GROUP], names of the image or numbers. If
	// it is not mapped into the user namespace, AnyUser says that root will do.
	User    string
	AnyUser bool
	// Doors is how many control groups the command joins. Run sets it.
	Doors int
	// UserHint says what would give the user namespace other users.
	UserHint string
	// Capabilities are what the command keeps, as CAP_NET_RAW.
	Capabilities []string
	// Look has Started say what the command is Seen to have.
	Look bool
}

// Role is the only argument by which a program that has this package becomes a shell's
// init: see the package's own init.
const Role = "init, of a shell"

// Builtin says when the built-in shell runs.
type Builtin string

// The built-in shell never runs, or when the image has no shell that does, or in any
// case: it then runs Command, if there is one.
const (
	BuiltinNever    Builtin = ""
	BuiltinFallback Builtin = "fallback"
	BuiltinAlways   Builtin = "always"
)

// Bind is a file or directory of the host, and where the command sees it.
type Bind struct {
	From, To string
	ReadOnly bool
}

// Started tells of a command that runs: its program was loaded, and nothing of it ran.
type Started struct {
	// At is when, by the host's clock. Before that, the init was Asked for, was Born, and
	// had Entered its root.
	Asked, Born, Entered, At time.Time
	// Command is the file of the program that runs, and empty for the built-in shell.
	Command string
	// Unusable says why the built-in shell runs and not the image's own, if it has one.
	Unusable string `json:",omitempty"`
	// User is who it runs as.
	User Identity
	// Substituted says that it is root since the image's user is not mapped.
	Substituted string
	// Seen is what it has, if Config.Look asks.
	Seen *Seen
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

// The kinds of changes. What has replaced a directory, another or a file, has nothing of
// what the image had in it.
const (
	Added    ChangeKind = "added"
	Modified ChangeKind = "modified"
	Deleted  ChangeKind = "deleted"
	Replaced ChangeKind = "replaced"
)

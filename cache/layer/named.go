package layer

import (
	"encoding/base64"
	"fmt"
	"time"
	"unicode/utf8"
)

// Named is a path as reports have it: clean, relative to the root, which is "". Path
// holds the exact bytes; in JSON, what is not UTF-8 in it becomes U+FFFD, and
// PathBase64 has the bytes.
type Named struct {
	Path       string `json:"path"`
	PathBase64 string `json:"pathBase64,omitempty"`
}

// Name makes a Named of a clean path.
func Name(path string) Named { return Named{Path: path, PathBase64: ExactBase64(path)} }

// Restore undoes what JSON does to a path that is not UTF-8.
func (n *Named) Restore() {
	if n.PathBase64 == "" {
		return
	}
	if path, err := base64.StdEncoding.DecodeString(n.PathBase64); err == nil {
		n.Path = string(path)
	}
}

// ExactBase64 returns the base64 form of a name that JSON cannot carry, else "".
func ExactBase64(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

// String writes a time in RFC 3339, or, where its year has not four digits, as "@" and
// the seconds since 1970.
func (t Time) String() string {
	const first, last = -62167219200, 253402300799 // the years 0 to 9999
	if t.Sec < first || t.Sec > last {
		return fmt.Sprintf("@%d.%09d", t.Sec, t.Nsec)
	}
	return t.Time().Format(time.RFC3339Nano)
}

package cache

// UnpackOptions guides Unpack. The zero value works.
type UnpackOptions struct {
	Display string // the image's name for messages and events
	// Layers is how many layers are unpacked, from the bottom; 0 is all.
	Layers int
	// KeepOwner leaves all files to the user who unpacks.
	KeepOwner bool
	// Replace lets the directory hold something, which is removed when the image's
	// files are in its place.
	Replace bool
	// Only chooses paths, and all below those that are directories; nil is all.
	Only func(path string) bool
	Link LinkMode
}

// LinkMode says whether files with the same content may share their blocks.
type LinkMode string

// The modes. There are no hard links between files that the image does not link: they
// would be one file to whoever looks, also through an overlay, and with one set of
// attributes.
const (
	LinkAuto  LinkMode = "auto"  // where the file system can (reflinks); the same as ""
	LinkNever LinkMode = "never" // each file has blocks of its own
)

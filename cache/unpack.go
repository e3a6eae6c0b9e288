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
}

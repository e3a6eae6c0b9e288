package layer

// LintCode names a kind of odd construct in a layer.
type LintCode string

// The odd constructs that a layer can hold without being refused.
const (
	LintDuplicate       LintCode = "duplicate-path"       // the path comes more than once; Bytes is what the lost copies carry
	LintReplacedDir     LintCode = "directory-replaced"   // a later entry of another kind took a directory's place
	LintThroughSymlink  LintCode = "through-symlink"      // the entry lies below a symlink of the same layer and landed where it leads
	LintOverSymlink     LintCode = "hides-symlink"        // the entry lies below a symlink of a lower layer, which it hides (found by Tree)
	LintEscapes         LintCode = "name-escapes-root"    // ".." in the name was clamped to the root
	LintDanglingLink    LintCode = "dangling-hard-link"   // a hard link whose target no layer has (found by Tree)
	LintLowerLink       LintCode = "hard-link-to-lower"   // a hard link whose target only a lower layer can have
	LintUselessWhiteout LintCode = "whiteout-of-nothing"  // no lower layer has what the whiteout hides (found by Tree)
	LintOddWhiteout     LintCode = "odd-whiteout"         // a whiteout that is not an empty regular file
	LintAUFS            LintCode = "aufs-bookkeeping"     // .wh..wh.plnk and its like, ignored
	LintOverlayXattr    LintCode = "overlay-xattr"        // trusted.overlay.* or user.overlay.*, dropped
	LintOverlayWhiteout LintCode = "overlay-whiteout"     // a raw character device 0:0, ignored
	LintNoEnd           LintCode = "no-end-of-archive"    // the tar stops without its end marker
	LintTrailing        LintCode = "bytes-after-end"      // bytes that are not zero follow the tar's end
	LintEmptyBlob       LintCode = "empty-blob"           // the blob has no bytes at all
	LintNotUTF8         LintCode = "name-not-utf8"        // a name that is not UTF-8
	LintOwnerRange      LintCode = "owner-out-of-range"   // an owner below 0 or above 2^32-2, taken as 65534
	LintRootNotDir      LintCode = "root-not-a-directory" // an entry for the root that is not a directory, ignored
)

// Lint is one odd construct of a layer, so that a user can see it.
type Lint struct {
	Code LintCode `json:"code"`
	// Path is the entry's clean path; for names that were ignored or clamped, the
	// name as in the tar.
	Path string `json:"path"`
	// Detail says more where there is more to say, such as the link that is lost.
	Detail string `json:"detail,omitempty"`
	// Bytes of content that the construct wastes, unpacked; 0 for most.
	Bytes int64 `json:"bytes,omitempty"`
}

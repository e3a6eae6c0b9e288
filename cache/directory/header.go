package directory

import (
	"archive/tar"
	"time"

	"golang.org/x/sys/unix"
)

var types = map[uint32]byte{
	unix.S_IFDIR: tar.TypeDir, unix.S_IFREG: tar.TypeReg, unix.S_IFLNK: tar.TypeSymlink,
	unix.S_IFCHR: tar.TypeChar, unix.S_IFBLK: tar.TypeBlock, unix.S_IFIFO: tar.TypeFifo,
}

// headerOf is the header of a file, but for a link's target.
func headerOf(x attributes, path string, st *unix.Stat_t) (*tar.Header, error) {
	h := &tar.Header{
		Typeflag: types[uint32(st.Mode)&unix.S_IFMT],
		Name:     path,
		Mode:     int64(st.Mode) & 0o7777,
		Uid:      int(st.Uid),
		Gid:      int(st.Gid),
		ModTime:  time.Unix(st.Mtim.Unix()),
		Format:   tar.FormatPAX, // which alone has fractions of seconds
	}
	switch h.Typeflag {
	case tar.TypeReg:
		h.Size = st.Size
	case tar.TypeChar, tar.TypeBlock:
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(st.Rdev))), int64(unix.Minor(uint64(st.Rdev)))
	}
	all, err := x.all()
	for name, value := range all {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+name] = value
	}
	return h, err
}

// same reports whether two looks at a file saw the same file, unchanged.
func same(a, b *unix.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Mode == b.Mode && a.Size == b.Size &&
		a.Mtim == b.Mtim && a.Ctim == b.Ctim
}

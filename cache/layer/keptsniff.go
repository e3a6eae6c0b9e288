package layer

import (
	"io"
	"strings"
)

// keptSniff looks into the files of which a little is kept, for what they are: the
// build information of Go programs and the manifests of Java archives. Its memory is
// bounded, and used again for the next file.
type keptSniff struct {
	program goSniff
	archive jarSniff
	on      sniffer // nil if nothing is looked for in the current file
	offset  int64   // where the current file is in the tar
}

// sniffer is given the content of a file as it comes, and never fails.
type sniffer interface {
	io.Writer
	start()
	// found is what of the file is to be kept; empty if nothing is.
	found() []byte
}

const minProgram = 64 << 10 // Go's linker makes nothing smaller by far

// sniff returns what is to be given the content of a file that is not kept itself;
// nil if there is nothing to look for in it. sniffed must follow.
func (k *keptWriter) sniff(path string, h *Header) io.Writer {
	s := &k.sniffs
	switch {
	case isJavaArchive(path):
		s.on = &s.archive
	case h.Mode&0o111 != 0 && h.Size >= minProgram:
		s.on = &s.program
	default:
		return nil
	}
	s.offset = h.Offset
	s.on.start()
	return s.on
}

// sniffed keeps what was found in the file that ended.
func (k *keptWriter) sniffed() {
	s := &k.sniffs
	if s.on == nil {
		return
	}
	found := s.on.found()
	s.on = nil
	if len(found) > 0 && k.start(s.offset, int64(len(found)), keptList) {
		k.Write(found) // an error is told by what follows, and at the end
	}
}

func isJavaArchive(path string) bool {
	return strings.HasSuffix(path, ".jar") || strings.HasSuffix(path, ".war") || strings.HasSuffix(path, ".ear")
}

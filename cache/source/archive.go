package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	// maxMembers bounds what is remembered of an archive. A saved image has some
	// hundred members, a tar of anything else may have millions.
	maxMembers = 1 << 17
	maxLinks   = 16 // from one member to the next
)

// archive is a tar as a container: the headers are read once, the contents where
// they lie, when they are wanted.
type archive struct {
	in      *input
	members map[string]member
	names   []string // as written, in order
	cut     bool     // it has more than maxMembers
	unended bool     // the zeros at its end are not there
}

type member struct {
	offset, size int64
	kind         byte // of archive/tar
	sparse       bool
	link         string
}

// newArchive reads the headers. The archive owns in from then on.
func newArchive(ctx context.Context, in *input) (*archive, error) {
	a := &archive{in: in, members: map[string]member{}}
	section := in.section()
	t := tar.NewReader(section)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			a.unended = !endsInZeros(section)
			return a, nil
		}
		at, seekErr := section.Seek(0, io.SeekCurrent)
		if err := errors.Join(ignoreInsecure(err), seekErr); err != nil {
			return nil, a.scanError(at, err)
		}
		if len(a.names) == maxMembers {
			a.cut = true
			return a, nil
		}
		a.add(h, at)
	}
}

// ignoreInsecure drops archive/tar's opinion on names: none of them is ever used
// as a path on the host.
func ignoreInsecure(err error) error {
	if errors.Is(err, tar.ErrInsecurePath) {
		return nil
	}
	return err
}

// endsInZeros says whether a tar was read to the mark at its end. Without one, it
// may have been cut between two members.
func endsInZeros(read *io.SectionReader) bool {
	at, err := read.Seek(0, io.SeekCurrent)
	if err != nil || at < tarBlock {
		return false
	}
	block := make([]byte, tarBlock)
	_, err = read.ReadAt(block, at-tarBlock)
	return err == nil && len(bytes.Trim(block, "\x00")) == 0
}

var errCut = errors.New("it is cut off")

func (a *archive) scanError(at int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w after %d bytes", errCut, a.in.size)
	}
	return fmt.Errorf("before byte %d: %w", at, err)
}

// add remembers a member; of two with one name the later one counts, as in every tar.
func (a *archive) add(h *tar.Header, offset int64) {
	a.names = append(a.names, h.Name)
	m := member{offset: offset, size: h.Size, kind: h.Typeflag, link: h.Linkname}
	m.sparse = h.Typeflag == tar.TypeGNUSparse
	for k := range h.PAXRecords {
		m.sparse = m.sparse || strings.HasPrefix(k, "GNU.sparse.")
	}
	a.members[inside(h.Name)] = m
}

// inside cleans a member's name; ".." ends at the archive's root.
func inside(name string) string { return path.Clean("/" + name)[1:] }

// find follows links: old versions of docker save write a layer once, and a link
// for each other image that has it.
func (a *archive) find(name string) (member, error) {
	name = inside(name)
	for range maxLinks {
		m, ok := a.members[name]
		if !ok {
			return m, fmt.Errorf("%q: %w", name, fs.ErrNotExist)
		}
		switch m.kind {
		case tar.TypeSymlink:
			if !path.IsAbs(m.link) {
				m.link = path.Join("/", path.Dir(name), m.link)
			}
			name = inside(m.link)
		case tar.TypeLink:
			name = inside(m.link)
		case tar.TypeReg, tar.TypeGNUSparse:
			if m.sparse {
				return m, fmt.Errorf("%q is stored as a sparse file: make the archive without sparse files", name)
			}
			return m, nil
		default:
			return m, fmt.Errorf("%q is not a regular file", name)
		}
	}
	return member{}, fmt.Errorf("%q: too many links", name)
}

func (a *archive) open(name string) (blobFile, int64, error) {
	m, err := a.find(name)
	if err != nil {
		return nil, 0, err
	}
	return &part{io.NewSectionReader(a.in.file, a.in.offset+m.offset, m.size)}, m.size, nil
}

func (a *archive) has(name string) bool {
	_, err := a.find(name)
	return err == nil
}

// Close ends all use of the members that were opened.
func (a *archive) Close() error { return a.in.Close() }

// part is a member of an archive. The file it lies in stays open.
type part struct{ *io.SectionReader }

// Close does nothing: the archive is closed as a whole.
func (*part) Close() error { return nil }

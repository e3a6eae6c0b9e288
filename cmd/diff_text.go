package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	textdiff "github.com/rogpeppe/go-internal/diff"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// textLimit is how large a file may be whose text is compared, in bytes.
const textLimit = 64 << 20

// sideFile is a file of one side; there is none if node is nil.
type sideFile struct {
	label   string
	node    *layer.Node
	content []byte
}

// textDiff writes how the text of one file changed.
func (s *session) textDiff(ctx context.Context, old, new *diffSide, path string, f diffFlags) error {
	a, err := s.fileOf(ctx, old, path)
	if err != nil {
		return err
	}
	b, err := s.fileOf(ctx, new, path)
	if err != nil {
		return err
	}
	if a.node == nil && b.node == nil {
		return &advised{
			err:  fmt.Errorf("%s: neither %s nor %s has it: %w", path, old.Name, new.Name, layer.ErrNotExist),
			hint: fmt.Sprintf("layers diff --files --path '%s' %s %s", inspect.Clean(path), cmp.Or(old.Asked, old.Name), cmp.Or(new.Asked, new.Name)),
		}
	}
	text := fileDiff(&a, &b, textLimit)
	s.program.progress.Clear()
	if !f.out.Quiet {
		err = s.program.answer(f.out.Output, func(w io.Writer) error { return s.program.writeText(w, f, text) })
	}
	if err == nil && text != "" && (f.exitCode || f.out.Quiet) {
		return noError{}
	}
	return err
}

// writeText escapes what a terminal could take for a command; a patch in a pipe or a
// file stays as it is.
func (p *program) writeText(w io.Writer, f diffFlags, text string) error {
	if (f.out.Output == "" || f.out.Output == "-") && term.IsTerminal(p.stdout) {
		lines := strings.Split(text, "\t") // a tab does no harm, and escaped it is hard to read
		for i := range lines {
			lines[i] = term.EscapeLines(lines[i])
		}
		text = strings.Join(lines, "\t")
	}
	_, err := io.WriteString(w, text)
	return err
}

// fileOf finds the file at a path, through symbolic links, and reads it.
func (s *session) fileOf(ctx context.Context, side *diffSide, path string) (f sideFile, err error) {
	f.label = side.Name + "/" + inspect.Clean(path)
	node, _, err := side.Tree().Resolve(path)
	switch {
	case errors.Is(err, layer.ErrNotExist):
		return f, nil
	case err != nil:
		return f, fmt.Errorf("%s: %s: %w", side.Name, path, err)
	}
	f.node = &node
	if node.Kind != layer.File || node.Size > textLimit {
		return f, nil
	}
	content, err := side.open(ctx, &node)
	if err != nil {
		return f, changed(err)
	}
	defer content.Close()
	f.content, err = io.ReadAll(content)
	return f, changed(err)
}

// fileDiff is the unified difference of two files, or a line that says what they are, if
// they are no texts or larger than most; "" if they are the same.
func fileDiff(a, b *sideFile, most int64) string {
	if a.node != nil && b.node != nil && sameContent(a.node, b.node) {
		return ""
	}
	for _, f := range []*sideFile{a, b} {
		if f.node != nil && (f.node.Kind != layer.File || f.node.Size > most || !textual(f.content)) {
			return fmt.Sprintf("%s and %s differ: %s -> %s\n", term.Escape(a.label), term.Escape(b.label), a.what(), b.what())
		}
	}
	label := func(f *sideFile, prefix string) string {
		if f.node == nil {
			return "/dev/null"
		}
		return patchName(prefix + "/" + f.node.Path)
	}
	text := string(textdiff.Diff(label(a, "a"), a.content, label(b, "b"), b.content))
	if _, rest, found := strings.Cut(text, "\n"); found && strings.HasPrefix(text, "diff ") {
		text = rest // "diff a b" is no part of a patch
	}
	return text
}

// patchName is a name in a patch, which must not begin a line of its own: as git quotes it.
func patchName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }) {
		return strconv.Quote(name)
	}
	return name
}

func sameContent(a, b *layer.Node) bool {
	return a.Kind == b.Kind && a.Digest == b.Digest && a.Size == b.Size && a.Link == b.Link && a.Major == b.Major && a.Minor == b.Minor
}

// textual reports whether a content is compared line by line: as for git, all without
// NUL is text, but for what begins as some known kind does. What a terminal must not get
// of it, writeText escapes.
func textual(content []byte) bool { return bytes.IndexByte(content, 0) < 0 && magic(content) == "" }

// magic names the kind of a content by how it begins; "" is none that is known.
func magic(content []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(content, []byte(m.start)) {
			return m.name
		}
	}
	return ""
}

// what names the kind of a file, and its size.
func (f *sideFile) what() string {
	switch {
	case f.node == nil:
		return "not there"
	case f.node.Kind == layer.Symlink:
		return "a link to " + term.Escape(f.node.Link)
	case f.node.Kind != layer.File:
		return "a " + f.node.Kind.String()
	}
	if f.content == nil && f.node.Size > 0 {
		return sizeText(f.node.Size) + ", too large to compare"
	}
	return contentKind(f.content) + " of " + sizeText(f.node.Size)
}

// magics are how files of some kinds begin.
var magics = []struct{ start, name string }{
	{"\x7fELF", "an ELF file"}, {"\x1f\x8b", "a gzip file"}, {"\x28\xb5\x2f\xfd", "a zstd file"}, {"\xfd7zXZ", "an xz file"},
	{"BZh", "a bzip2 file"}, {"PK\x03\x04", "a zip archive"}, {"!<arch>\n", "an ar archive"}, {"SQLite format 3", "an SQLite database"},
	{"\x89PNG", "a PNG image"}, {"\xff\xd8\xff", "a JPEG image"}, {"%PDF", "a PDF file"}, {"\xca\xfe\xba\xbe", "a Java class"},
}

func contentKind(content []byte) string {
	if name := magic(content); name != "" {
		return name
	}
	switch {
	case len(content) > 262 && string(content[257:262]) == "ustar":
		return "a tar archive"
	case textual(content):
		return "a text"
	}
	return "a binary file"
}

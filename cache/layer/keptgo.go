package layer

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// goSniff finds the build information of a Go program, as debug/buildinfo does, but
// in a stream: in an ELF file, at a multiple of 16 bytes, 32 bytes of header, and
// two strings with their lengths before them. Programs of Go before 1.18 have
// pointers there, which are not followed.
//
// What it keeps is the text that debug.BuildInfo.String makes.
type goSniff struct {
	group [goGroup]byte // the start of the next group
	n     int           // bytes of it
	begun bool          // the first group was seen
	done  bool          // the rest does not matter
	info  []byte        // from the magic on
	text  []byte
}

const (
	goGroup   = 16
	goHeader  = 32
	goVersion = 128       // bytes of a version
	goModules = 256 << 10 // bytes of a list of modules: some thousand of them
	goInline  = 2         // the flag: strings follow
)

const goWord = 0x697562206f4720ff // the first eight bytes of the magic

var (
	goMagic = []byte("\xff Go buildinf:")
	// What the go command puts around the list of modules.
	goStart, goEnd = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6", "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
)

func (g *goSniff) start() {
	g.n, g.begun, g.done, g.info, g.text = 0, false, false, g.info[:0], g.text[:0]
}

func (g *goSniff) found() []byte { return g.text }

// Write takes the next bytes of the file.
func (g *goSniff) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !g.done {
		switch {
		case len(g.info) > 0:
			p = g.collect(p)
		case g.n > 0 || !g.begun || len(p) < goGroup:
			m := copy(g.group[g.n:], p)
			g.n += m
			p = p[m:]
			if g.n == goGroup {
				g.n = 0
				g.whole()
			}
		default:
			p = g.scan(p)
		}
	}
	return n, nil
}

// whole looks at a group that came in pieces, as the first always does.
func (g *goSniff) whole() {
	if !g.begun {
		g.begun = true
		g.done = !bytes.HasPrefix(g.group[:], []byte("\x7fELF"))
		return
	}
	if bytes.HasPrefix(g.group[:], goMagic) {
		g.info = append(g.info, g.group[:]...)
	}
}

// scan looks for the magic in whole groups, and returns what is behind them.
func (g *goSniff) scan(p []byte) []byte {
	for p = p[withoutGoWord(p):]; len(p) >= goGroup; p = p[goGroup:] {
		if bytes.HasPrefix(p, goMagic) {
			g.info = append(g.info, p[:goGroup]...)
			return p[goGroup:]
		}
	}
	return p
}

// withoutGoWord is how many bytes of p, a multiple of four groups, have no group that
// starts as the magic does. All bytes of programs go through here, so it takes four
// at a time.
func withoutGoWord(p []byte) int {
	word := func(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }
	i := 0
	for ; i+4*goGroup <= len(p); i += 4 * goGroup {
		q := (*[4 * goGroup]byte)(p[i:])
		if word(q[:]) == goWord || word(q[goGroup:]) == goWord || word(q[2*goGroup:]) == goWord || word(q[3*goGroup:]) == goWord {
			break
		}
	}
	return i
}

// collect takes of p what belongs to the information. Where it turns out to be none,
// such as the magic in a program that looks for it, the search goes on behind the magic.
func (g *goSniff) collect(p []byte) []byte {
	version, modules, missing := parseGoInfo(g.info)
	if missing > 0 {
		m := min(missing, len(p))
		g.info = append(g.info, p[:m]...)
		p = p[m:]
		version, modules, missing = parseGoInfo(g.info)
	}
	switch {
	case missing > 0:
	case missing == 0:
		g.done = true
		g.text = append(append(append(append(g.text, "go\t"...), version...), '\n'), modules...)
	default:
		again := slices.Clone(g.info[goGroup:])
		g.info = g.info[:0]
		g.Write(again)
	}
	return p
}

// parseGoInfo reads the information. It returns how many bytes are still missing at
// least; fewer than none, if it is not one.
func parseGoInfo(info []byte) (version, modules string, missing int) {
	if len(info) < goHeader {
		return "", "", goHeader - len(info)
	}
	if info[15]&goInline == 0 {
		return "", "", -1
	}
	version, rest, missing := cutGoString(info[goHeader:], goVersion)
	if missing != 0 {
		return "", "", missing
	}
	if !strings.HasPrefix(version, "go") && !strings.HasPrefix(version, "devel ") || strings.Contains(version, "\n") {
		return "", "", -1
	}
	modules, _, missing = cutGoString(rest, goModules)
	if missing != 0 || modules == "" {
		return version, "", missing
	}
	modules, started := strings.CutPrefix(modules, goStart)
	modules, ended := strings.CutSuffix(modules, goEnd)
	if !started || !ended {
		return "", "", -1
	}
	return version, modules, 0
}

// cutGoString cuts off a string of up to limit bytes, with its length before it.
func cutGoString(b []byte, limit uint64) (s string, rest []byte, missing int) {
	length, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return "", nil, 1
	case n < 0 || length > limit:
		return "", nil, -1
	case uint64(len(b)-n) < length:
		return "", nil, int(length) - (len(b) - n)
	}
	return string(b[n : n+int(length)]), b[n+int(length):], 0
}

package layer

import (
	"fmt"
	"strings"
)

// craft writes tars byte by byte, also such as no program writes.
type craft struct{ strings.Builder }

// header writes a header; fields is what to set, by offset.
func (c *craft) header(name string, flag byte, size int64, fields map[int]string) *craft {
	var b block
	copy(b[:], name)
	copy(b[100:], "0000644\x00")
	copy(b[108:], "0000000\x00")
	copy(b[116:], "0000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00", size))
	copy(b[136:], "00000000000\x00")
	b[156] = flag
	copy(b[257:], "ustar\x0000")
	for at, s := range fields {
		copy(b[at:], s)
	}
	setChecksum(&b)
	c.Write(b[:])
	return c
}

// body writes content and pads it.
func (c *craft) body(s string) *craft {
	c.WriteString(s)
	c.WriteString(strings.Repeat("\x00", -len(s)&(blockSize-1)))
	return c
}

func (c *craft) file(name, content string) *craft {
	return c.header(name, '0', int64(len(content)), nil).body(content)
}

// pax writes an extension header with records "key=value".
func (c *craft) pax(flag byte, records ...string) *craft {
	s := paxRecords(records...)
	return c.header("PaxHeaders/x", flag, int64(len(s)), nil).body(s)
}

func paxRecords(records ...string) string {
	var s strings.Builder
	for _, r := range records {
		n := len(r) + 3
		for len(fmt.Sprint(n))+len(r)+2 != n {
			n++
			if n > 2*len(r)+20 {
				panic(r)
			}
		}
		fmt.Fprintf(&s, "%d %s\n", n, r)
	}
	return s.String()
}

func (c *craft) long(flag byte, name string) *craft {
	return c.header("././@LongLink", flag, int64(len(name)+1), map[int]string{257: "ustar  \x00"}).body(name + "\x00")
}

func (c *craft) end() *craft { c.Write(make([]byte, 2*blockSize)); return c }

func (c *craft) bytes() []byte { return []byte(c.String()) }

func tarOf(f func(c *craft)) []byte {
	c := new(craft)
	f(c)
	return c.end().bytes()
}

const gnuMagic = "ustar  \x00"

// craftedTars have what the archives of real programs have not.
func craftedTars() map[string][]byte {
	return map[string][]byte{
		"empty":     nil,
		"end only":  tarOf(func(c *craft) {}),
		"regular 0": tarOf(func(c *craft) { c.header("a", 0, 1, nil).body("x").header("dir/", 0, 0, nil) }),
		"sized dir": tarOf(func(c *craft) { c.header("dir/", 0, 5, nil).file("a", "1") }),
		"header only": tarOf(func(c *craft) {
			for flag := byte('1'); flag <= '6'; flag++ {
				c.header("n", flag, 700, map[int]string{157: "target", 329: "0000012\x00", 337: "0000007\x00"})
			}
			c.file("after", "1")
		}),
		"contiguous": tarOf(func(c *craft) { c.header("a", '7', 1, nil).body("x") }),
		"prefix":     tarOf(func(c *craft) { c.header("b", '0', 0, map[int]string{345: "some/prefix"}) }),
		"star": tarOf(func(c *craft) {
			c.header("b", '0', 0, map[int]string{345: "some/prefix", 476: "00000000001 ", 488: "00000000002 ", 508: "tar\x00"})
		}),
		"star bad time": tarOf(func(c *craft) {
			c.header("b", '0', 0, map[int]string{476: "x", 508: "tar\x00"})
		}),
		"gnu with prefix": tarOf(func(c *craft) {
			c.header("b", '0', 0, map[int]string{257: gnuMagic, 345: "some/prefix/x"})
		}),
		"gnu with times": tarOf(func(c *craft) {
			c.header("b", '0', 0, map[int]string{257: gnuMagic, 345: "00000000001\x00", 357: "00000000002\x00"})
		}),
		"base 256": tarOf(func(c *craft) {
			c.header("a", '0', 0, map[int]string{108: "\x80\x00\x00\x00\xff\xff\xff\xfe", 116: "\xff\xff\xff\xff\xff\xff\xff\xfe",
				124: "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03", 136: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"}).body("abc")
		}),
		"base 256 too large": tarOf(func(c *craft) {
			c.header("a", '0', 0, map[int]string{136: "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x03"})
		}),
		"negative size": tarOf(func(c *craft) { c.header("a", '0', 0, map[int]string{124: strings.Repeat("\xff", 12)}) }),
		"odd numbers": tarOf(func(c *craft) {
			c.header("a", '0', 0, map[int]string{100: "  644 \x00\x00", 108: "7\x00zzzzzz", 116: "\x00\x00 12  \x00"})
		}),
		"bad number": tarOf(func(c *craft) { c.header("a", '0', 0, map[int]string{100: "6 44    "}) }),
		"pax": tarOf(func(c *craft) {
			c.pax('x', "path="+strings.Repeat("p", 300), "linkpath=l", "size=3", "uid=4294967294", "gid=-1", "mtime=-1.000000001",
				"atime=1", "SCHILY.xattr.user.b=2", "SCHILY.xattr.user.a=1\x00", "LIBARCHIVE.xattr.user.c=eA==", "comment=x")
			c.header("short", '0', 0, nil).body("abc")
		}),
		"pax twice": tarOf(func(c *craft) {
			c.pax('x', "path=first", "SCHILY.xattr.user.a=1").pax('x', "mtime=5", "mtime=6", "SCHILY.xattr.user.b=1", "SCHILY.xattr.user.b=2").file("name", "")
		}),
		"pax taken back": tarOf(func(c *craft) {
			c.pax('x', "path=x", "path=", "SCHILY.xattr.user.a=1", "SCHILY.xattr.user.a=").file("name", "")
		}),
		"pax and long": tarOf(func(c *craft) {
			c.pax('x', "path=x", "linkpath=y").long('L', "long").long('K', "link").file("name", "")
		}),
		"pax negative":    tarOf(func(c *craft) { c.pax('x', "size=-1").file("name", "") }),
		"pax NUL":         tarOf(func(c *craft) { c.pax('x', "path=a\x00b").file("name", "") }),
		"pax bad time":    tarOf(func(c *craft) { c.pax('x', "mtime=1.2x").file("name", "") }),
		"pax bad access":  tarOf(func(c *craft) { c.pax('x', "atime=x").file("name", "") }),
		"pax bad, mended": tarOf(func(c *craft) { c.pax('x', "mtime=x", "mtime=-0.5").file("name", "") }),
		"pax long time":   tarOf(func(c *craft) { c.pax('x', "mtime=+1.1234567899").file("name", "") }),
		"pax last":        tarOf(func(c *craft) { c.file("a", "").pax('x', "path=b") }),
		"long empty":      tarOf(func(c *craft) { c.header("x", 'L', 0, nil).file("a", "") }),
		"global":          tarOf(func(c *craft) { c.pax('g', "path=all", "mtime=1").file("a", "1").pax('g', "uid=1").file("b", "2") }),
		"global between":  tarOf(func(c *craft) { c.pax('x', "path=lost").pax('g', "uid=1").file("a", "1") }),
		"zero block":      append(new(craft).file("a", "").body("").bytes(), make([]byte, blockSize)...),
		"one zero block":  new(craft).file("a", "1").body("\x00").bytes(),
		"zero, then more": new(craft).file("a", "1").body("\x00").file("b", "").end().bytes(),
		"no padding":      new(craft).header("a", '0', 3, nil).bytes(),
		"cut padding":     append(new(craft).header("a", '0', 3, nil).bytes(), "abc"...),
		"signed checksum": signedSum(),
		"v7": tarOf(func(c *craft) {
			c.header("a", '0', 0, map[int]string{257: "\x00\x00\x00\x00\x00\x00\x00\x00", 329: "xx"})
		}),
		"sparse 0.0": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.size=100", "GNU.sparse.numblocks=2", "GNU.sparse.offset=10", "GNU.sparse.numbytes=2",
				"GNU.sparse.offset=50", "GNU.sparse.numbytes=1").file("s", "abc")
		}),
		"sparse 0.1 empty": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.realsize=100", "GNU.sparse.numblocks=0", "GNU.sparse.name=real").file("s", "")
		}),
		"sparse too little": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.size=9", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,5").file("s", "abc")
		}),
		"sparse too much": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.size=9", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,2").file("s", "abc")
		}),
		"sparse overlap": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.size=9", "GNU.sparse.numblocks=2", "GNU.sparse.map=0,2,1,1").file("s", "abc")
		}),
		"sparse 1.0": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=1000", "GNU.sparse.name=s")
			c.header("GNUSparseFile.0/s", '0', blockSize+3, nil).body("2\n5\n2\n900\n1\n").body("abc")
		}),
		"sparse 1.0 bad": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=1000").file("s", "9999999999\n5\n")
		}),
		"sparse dir": tarOf(func(c *craft) {
			c.pax('x', "GNU.sparse.size=9", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,0").header("d", '5', 0, nil)
		}),
		"old sparse": tarOf(func(c *craft) {
			c.header("s", 'S', 4, map[int]string{257: gnuMagic, 386: "00000000012\x0000000000002\x00", 483: "00000001000\x00", 482: "\x01"})
			c.body("00000000100\x0000000000002\x00").body("abcd")
		}),
		"old sparse of ustar": tarOf(func(c *craft) { c.header("s", 'S', 0, nil) }),
	}
}

// signedSum has a checksum of signed bytes, as Sun's tar wrote it.
func signedSum() []byte {
	data := new(craft).file("caf\xe9\xe9", "1").end().bytes()
	b := (*block)(data)
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", b.sum()-256*b.highBytes()))
	return data
}

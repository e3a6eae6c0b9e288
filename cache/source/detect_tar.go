package source

import (
	"bytes"
	"strconv"
)

const tarBlock = 512

// isTarHeader says whether a block is the first of a tar: by its checksum, which
// every tar has, or as the zeros that end an empty one.
func isTarHeader(block []byte) bool {
	if len(block) < tarBlock {
		return false
	}
	block = block[:tarBlock]
	field := bytes.Trim(block[148:156], " \x00")
	if len(field) == 0 {
		return len(bytes.Trim(block, "\x00")) == 0
	}
	want, err := strconv.ParseInt(string(field), 8, 64)
	if err != nil {
		return false
	}
	unsigned, signed := int64(0), int64(0)
	for i, b := range block {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed // old tars summed signed bytes
}

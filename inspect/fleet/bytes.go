package fleet

import "github.com/layers/layers/cache/refs"

// Bytes are the bytes of some layers, each counted once: of blobs by their digests, of
// what they unpack to by DiffIDs.
type Bytes struct {
	Content  int64  `json:"content"`            // compressed
	Unpacked *int64 `json:"unpacked,omitempty"` // absent unless known of every layer
}

// bytesOf are an amount of a graph: content, and unpacked if that is known.
func bytesOf(a refs.Amount, known bool) Bytes {
	b := Bytes{Content: a[0]}
	if known {
		b.Unpacked = &a[1]
	}
	return b
}

// plus is the sum of both, known as far as both are.
func (b Bytes) plus(o Bytes) Bytes {
	sum := Bytes{Content: b.Content + o.Content}
	if b.Unpacked != nil && o.Unpacked != nil {
		unpacked := *b.Unpacked + *o.Unpacked
		sum.Unpacked = &unpacked
	}
	return sum
}

// less is the rest of b without o, which is part of it.
func (b Bytes) less(o Bytes) Bytes {
	rest := Bytes{Content: b.Content - o.Content}
	if b.Unpacked != nil && o.Unpacked != nil {
		unpacked := *b.Unpacked - *o.Unpacked
		rest.Unpacked = &unpacked
	}
	return rest
}

// both are both kinds of bytes together, as far as they are known.
func (b Bytes) both() int64 {
	if b.Unpacked == nil {
		return b.Content
	}
	return b.Content + *b.Unpacked
}

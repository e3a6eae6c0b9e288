package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// numbers gives hashes small numbers, from 0 in the order in which they come.
type numbers struct {
	of    map[[sha256.Size]byte]uint32
	keys  [][sha256.Size]byte
	other map[uint32]v1.Hash // those that are not SHA-256, or written in another way
}

// number is the number of a hash, which is new if it has not come before.
func (n *numbers) number(h v1.Hash) (id uint32, isNew bool) {
	key, plain := keyOf(h)
	if id, ok := n.of[key]; ok {
		return id, false
	}
	if n.of == nil {
		n.of, n.other = map[[sha256.Size]byte]uint32{}, map[uint32]v1.Hash{}
	}
	id = uint32(len(n.keys))
	n.of[key] = id
	n.keys = append(n.keys, key)
	if !plain {
		n.other[id] = v1.Hash{Algorithm: strings.Clone(h.Algorithm), Hex: strings.Clone(h.Hex)}
	}
	return id, true
}

func (n *numbers) find(h v1.Hash) (uint32, bool) {
	key, _ := keyOf(h)
	id, ok := n.of[key]
	return id, ok
}

func (n *numbers) hash(id uint32) v1.Hash {
	if h, ok := n.other[id]; ok {
		return h
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(n.keys[id][:])}
}

// keyOf is 32 bytes that stand for a hash; plain says that they are all of it.
func keyOf(h v1.Hash) (key [sha256.Size]byte, plain bool) {
	if h.Algorithm == "sha256" && len(h.Hex) == 2*sha256.Size && h.Hex == strings.ToLower(h.Hex) {
		if _, err := hex.Decode(key[:], []byte(h.Hex)); err == nil {
			return key, true
		}
	}
	return sha256.Sum256([]byte(h.String())), false
}

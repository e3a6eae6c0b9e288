// Package layer says what an image layer holds: it is the only reader of layer
// tars in this module, and the one place that decides what they mean.
//
// A [Reader] takes a tar stream apart. [Index] reads a layer blob once, from its
// first byte to its last, and makes of it a [TOC] (the entries, sorted by path, a
// pure function of the tar), [Extents] (where each entry lies in the compressed
// blob) and [Kept] (the few small files that later questions ask for). A [Tree]
// lays the TOCs of a stack of layers over each other and tells what a container
// would see, which layer each name came from, and what is hidden.
//
// The rules are those of the OCI image spec's layer.md and, where it is silent,
// of overlayfs on Linux.
package layer

import (
	"crypto/sha256"
	"encoding/hex"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// DiffID is the SHA-256 of a layer's uncompressed tar. It is a type of its own so
// that it cannot be confused with the digest of the compressed blob.
type DiffID v1.Hash

// String returns the ID as "sha256:<hex>".
func (d DiffID) String() string { return v1.Hash(d).String() }

// MarshalText writes the ID as "sha256:<hex>".
func (d DiffID) MarshalText() ([]byte, error) { return v1.Hash(d).MarshalText() }

// UnmarshalText reads what MarshalText wrote.
func (d *DiffID) UnmarshalText(text []byte) error { return (*v1.Hash)(d).UnmarshalText(text) }

// ChainID names a stack of layers, as the OCI image spec's config.md defines it.
type ChainID v1.Hash

// String returns the ID as "sha256:<hex>".
func (c ChainID) String() string { return v1.Hash(c).String() }

// Chain returns the ChainID of the stack of layers, bottom first. The ChainID of
// no layers is the zero value.
func Chain(layers []DiffID) ChainID {
	if len(layers) == 0 {
		return ChainID{}
	}
	chain := ChainID(layers[0])
	for _, id := range layers[1:] {
		sum := sha256.Sum256([]byte(chain.String() + " " + id.String()))
		chain = ChainID{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	}
	return chain
}

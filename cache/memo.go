package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
)

// A memo's file: the magic, the SHA-256 of the rest, the key's length as a
// uvarint, the key, the data.
const memoMagic = "layers memo 1\n"

// Memo returns the bytes that were stored under key, else those that compute
// returns, which it stores: for what is slow to compute and derived from TOCs. The
// key must name all that the bytes depend on. A memo that is damaged is computed
// again; where it cannot be stored, it is computed each time.
func (s *Store) Memo(key string, compute func() ([]byte, error)) ([]byte, error) {
	name := sha256.Sum256([]byte(key))
	path := s.path(memoDir, hex.EncodeToString(name[:]))
	if file, err := os.ReadFile(path); err == nil {
		if stored, data, err := parseMemo(file); err == nil && stored == key {
			return data, nil
		}
	}
	data, err := compute()
	if err != nil {
		return nil, err
	}
	if s.readOnly == nil {
		s.writeMemo(path, encodeMemo(key, data))
	}
	return data, nil
}

// writeMemo has no error: a memo saves time and nothing depends on it. It does not
// wait for the disk either, for the checksum finds what a crash leaves.
func (s *Store) writeMemo(path string, file []byte) {
	dir, err := s.scratchInStore()
	if err != nil {
		return
	}
	f, err := os.CreateTemp(dir, "memo-*")
	if err != nil {
		return
	}
	_, err = f.Write(file)
	if errors.Join(err, f.Close()) != nil || os.Rename(f.Name(), path) != nil {
		_ = os.Remove(f.Name())
	}
}

func encodeMemo(key string, data []byte) []byte {
	rest := binary.AppendUvarint(nil, uint64(len(key)))
	rest = append(append(rest, key...), data...)
	sum := sha256.Sum256(rest)
	return append(append([]byte(memoMagic), sum[:]...), rest...)
}

func parseMemo(file []byte) (key string, data []byte, err error) {
	rest, ok := bytes.CutPrefix(file, []byte(memoMagic))
	if !ok || len(rest) < sha256.Size {
		return "", nil, errors.New("not a memo")
	}
	sum, rest := rest[:sha256.Size], rest[sha256.Size:]
	if got := sha256.Sum256(rest); !bytes.Equal(got[:], sum) {
		return "", nil, errors.New("checksum")
	}
	n, used := binary.Uvarint(rest)
	if used <= 0 || n > uint64(len(rest)-used) {
		return "", nil, errors.New("the key is cut")
	}
	rest = rest[used:]
	return string(rest[:n]), rest[n:], nil
}

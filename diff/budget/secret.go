package budget

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/layers/layers/cache/layer"
)

// mostSecret is the largest file that is looked at: layer.Kept holds these, so that the
// layer need not be read again.
const mostSecret = 64 << 10

// secret says whether a file holds a private key.
func (f *forbidding) secret(ctx context.Context, number int, e *layer.Entry) (_ string, err error) {
	if !layer.MayBeKey(e.Name()) || e.Size == 0 || e.Size > mostSecret {
		return "", nil
	}
	file, err := f.Image.Reader.Open(ctx, number, *e)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err := io.ReadAll(file)
	if err != nil || !holdsKey(text) {
		return "", err
	}
	return "private key", nil
}

// holdsKey reports whether a text has the armour of a private key: RFC 7468, RFC 4880, and
// PuTTY's.
func holdsKey(text []byte) bool {
	if bytes.HasPrefix(text, []byte("PuTTY-User-Key-File-")) {
		return true
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		kind, ok := bytes.CutPrefix(line, []byte("-----BEGIN "))
		if !ok {
			continue
		}
		kind, ok = bytes.CutSuffix(kind, []byte("-----"))
		if ok && (bytes.HasSuffix(kind, []byte("PRIVATE KEY")) || bytes.Equal(kind, []byte("PGP PRIVATE KEY BLOCK"))) {
			return true
		}
	}
	return false
}

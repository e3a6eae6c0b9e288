package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations of the descriptors in index.json.
const (
	refName       = "org.opencontainers.image.ref.name" // the fully qualified name
	pulledKey     = "dev.layers.pulled"                 // RFC 3339, UTC
	originKey     = "dev.layers.origin"                 // Stored.Origin
	choiceFromKey = "dev.layers.index"                  // digest of the image index it was chosen from
)

// names is the content of index.json. Fields and descriptors that other programs
// put there are kept as they are.
type names struct {
	fields  map[string]json.RawMessage
	entries []entry
}

// entry is one descriptor in index.json.
type entry struct {
	raw       json.RawMessage
	mediaType types.MediaType
	digest    v1.Hash // the zero value if it is of a kind that the store has no blobs of
	name      string
	platform  *v1.Platform
	index     *v1.Hash
	pulled    time.Time
	origin    string
}

// readNames needs no lock: index.json is only ever replaced whole.
func (s *Store) readNames() (*names, error) {
	path := s.path(indexFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &names{fields: map[string]json.RawMessage{}}, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := parseNames(data)
	if err != nil {
		return nil, &IndexError{Path: path, Err: err}
	}
	return n, nil
}

func parseNames(data []byte) (*names, error) {
	n := &names{}
	if err := json.Unmarshal(data, &n.fields); err != nil {
		return nil, err
	}
	if n.fields == nil {
		return nil, errors.New("not an object")
	}
	var raws []json.RawMessage
	if list, ok := n.fields["manifests"]; ok {
		if err := json.Unmarshal(list, &raws); err != nil {
			return nil, err
		}
	}
	for i, raw := range raws {
		e, err := parseEntry(raw)
		if err != nil {
			return nil, fmt.Errorf("descriptor %d: %w", i, err)
		}
		n.entries = append(n.entries, e)
	}
	return n, nil
}

func parseEntry(raw json.RawMessage) (entry, error) {
	var d struct {
		MediaType   types.MediaType   `json:"mediaType"`
		Digest      string            `json:"digest"`
		Annotations map[string]string `json:"annotations"`
		Platform    *v1.Platform      `json:"platform"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return entry{}, err
	}
	e := entry{raw: raw, mediaType: d.MediaType, platform: d.Platform, name: d.Annotations[refName], origin: d.Annotations[originKey]}
	h, err := v1.NewHash(d.Digest)
	if err != nil {
		return entry{}, err
	}
	if usable(h) {
		e.digest = h
	}
	if h, err := v1.NewHash(d.Annotations[choiceFromKey]); err == nil {
		e.index = &h
	}
	if t, err := time.Parse(time.RFC3339, d.Annotations[pulledKey]); err == nil {
		e.pulled = t
	}
	return e, nil
}

// newEntry makes the descriptor of an image under a name, which may be "".
func newEntry(st Stored, mediaType types.MediaType, size int64) (entry, error) {
	notes := map[string]string{pulledKey: st.Pulled.Format(time.RFC3339)}
	if st.Name != "" {
		notes[refName] = st.Name
	}
	if st.Origin != "" {
		notes[originKey] = st.Origin
	}
	if st.Index != nil {
		notes[choiceFromKey] = st.Index.String()
	}
	raw, err := json.Marshal(v1.Descriptor{
		MediaType: mediaType, Size: size, Digest: st.Digest,
		Annotations: notes, Platform: &st.Platform,
	})
	if err != nil {
		return entry{}, err
	}
	return entry{
		raw: raw, mediaType: mediaType, digest: st.Digest, name: st.Name,
		platform: &st.Platform, index: st.Index, pulled: st.Pulled, origin: st.Origin,
	}, nil
}

// editNames changes index.json; change reports whether there is anything to write.
func (s *Store) editNames(ctx context.Context, change func(*names) (bool, error)) error {
	l, err := s.lock(ctx, indexLock, exclusive)
	if err != nil {
		return err
	}
	defer l.unlock()
	n, err := s.readNames()
	if err != nil {
		return err
	}
	if changed, err := change(n); err != nil || !changed {
		return err
	}
	data, err := n.marshal()
	if err != nil {
		return err
	}
	return s.writeFile(s.path(indexFile), data, 0o644)
}

func (n *names) marshal() ([]byte, error) {
	raws := make([]json.RawMessage, 0, len(n.entries))
	for _, e := range n.entries {
		raws = append(raws, e.raw)
	}
	list, err := json.Marshal(raws)
	if err != nil {
		return nil, err
	}
	n.fields["manifests"] = list
	if n.fields["schemaVersion"] == nil {
		n.fields["schemaVersion"] = json.RawMessage("2")
	}
	return json.Marshal(n.fields)
}

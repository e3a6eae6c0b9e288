package source

import (
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// mediaTypeOf decides what a document from a registry is: an image index or an
// image manifest. The document itself decides, because its digest covers it; a
// Content-Type of the other kind, and a document that could be read as both, are
// refused (CVE-2021-41190).
func mediaTypeOf(image, contentType string, raw []byte) (types.MediaType, error) {
	doc := new(shape)
	malformed := func(err error) error { return &MalformedError{Name: image, What: "manifest", Err: err} }
	if err := unmarshal(raw, maxManifest, doc); err != nil {
		return "", malformed(err)
	}
	sent := types.MediaType(contentType)
	if isSchema1(doc) || doc.MediaType == "" && sent.IsSchema1() {
		return "", schema1Error(image)
	}
	index := isSet(doc.Manifests)
	if index && (isSet(doc.Config) || isSet(doc.Layers)) {
		return "", malformed(errors.New("it can be read as an index and as a manifest"))
	}
	for _, t := range []types.MediaType{doc.MediaType, sent} {
		if t.IsIndex() && !index || t.IsImage() && index {
			return "", malformed(fmt.Errorf("it is called %s and is something else", t))
		}
	}
	switch {
	case doc.MediaType.IsIndex() || doc.MediaType.IsImage():
		return doc.MediaType, nil
	case doc.MediaType != "":
		return "", unknownType(image, string(doc.MediaType))
	case sent.IsIndex() || sent.IsImage():
		return sent, nil
	case index:
		return types.OCIImageIndex, nil
	case isSet(doc.Layers) && isSet(doc.Config):
		return types.OCIManifestSchema1, nil
	}
	return "", unknownType(image, contentType)
}

func unknownType(image, mediaType string) error {
	return &KindError{Name: image, Is: fmt.Sprintf("a document of the type %q", oneLine(mediaType, 100))}
}

package budget

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/packages"
)

// mergedRoot stands for the layers of a base that are not read: packages list their files
// by directories that are links in most distributions, and only the base has these links.
// A layer of a distribution that has directories there has them in the layer, too.
func mergedRoot() (l packages.Layer, err error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		h := tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "usr/" + name, Mode: 0o777}
		if err := w.WriteHeader(&h); err != nil {
			return l, err
		}
	}
	if err := w.Close(); err != nil {
		return l, err
	}
	var toc bytes.Buffer
	if _, err := layer.Index(context.Background(), &b, layer.Outputs{TOC: &toc}, layer.IndexOptions{}); err != nil {
		return l, fmt.Errorf("a layer of links: %w", err)
	}
	l.TOC, err = layer.ReadTOC(toc.Bytes())
	return l, err
}

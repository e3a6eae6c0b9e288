package cmd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

// patience is how long the registry of a name may take that an image gives: whoever made
// the image must not keep us waiting.
const patience = 20 * time.Second

// look finds an image that a hint may mean; nil and no error where it is not.
type look func(ctx context.Context) (*image, error)

// check holds what the image says of its base against what it names: by its digest and
// then by its name, in the store and then in the registry.
func (c *chain) check(ctx context.Context, h *inspect.Hint) error {
	var reasons []string
	var wrong *inspect.Hint
	for _, l := range c.looks(h, &reasons) {
		img, err := l(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			reasons = append(reasons, err.Error())
		}
		if err != nil || img == nil {
			continue
		}
		judged, err := c.judge(*h, img)
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		switch judged.Verdict {
		case inspect.VerdictBase, inspect.VerdictSame:
			*h = judged
			return c.candidate(img, inspect.FromHint, false)
		case inspect.VerdictWrong:
			wrong = &judged
		default:
			reasons = append(reasons, judged.Reason)
		}
		if wrong != nil && h.Digest != "" {
			break
		}
	}
	switch {
	case wrong != nil && len(reasons) == 0, wrong != nil && h.Digest != "":
		*h = *wrong
	case wrong != nil:
		h.Unchecked("the layers of the one in the store are not our lowest ones, and %s", strings.Join(reasons, "; "))
	case len(reasons) > 0:
		h.Unchecked("%s", strings.Join(reasons, "; "))
	case h.Name == "":
		h.Unchecked("it gives no name, and the image is not in the store")
	default:
		h.Unchecked("it is not in the store")
	}
	return nil
}

func (c *chain) judge(h inspect.Hint, img *image) (inspect.Hint, error) {
	ids, err := diffIDsOf(img)
	if err != nil {
		return h, err
	}
	h.Judge(inspect.DiffIDs(c.in.Config), inspect.Candidate{DiffIDs: ids, Digest: img.digest, Index: img.index})
	return h, nil
}

// looks are the places where a hint is looked up; reasons tells of those where it cannot
// be.
func (c *chain) looks(h *inspect.Hint, reasons *[]string) []look {
	refuse := func(format string, args ...any) { *reasons = append(*reasons, fmt.Sprintf(format, args...)) }
	_, err := v1.NewHash(h.Digest)
	hasDigest := h.Digest != "" && err == nil && strings.HasPrefix(h.Digest, "sha256:")
	if h.Digest != "" && !hasDigest {
		refuse("the digest is none")
	}
	var list []look
	ref, err := source.Parse(h.Name)
	if err != nil || ref.Transport != source.Any || ref.Name == "" {
		if h.Name != "" {
			refuse("that is not the name of an image")
		}
		if hasDigest {
			list = append(list, c.inStore("x@"+h.Digest, h.Digest))
		}
		return list
	}
	exact, _, _ := strings.Cut(ref.Name, "@")
	if hasDigest {
		list = append(list, c.inStore(exact+"@"+h.Digest, source.Short(ref.Name)))
	}
	why := c.mayNotAsk(ref)
	if hasDigest && why == "" {
		list = append(list, c.inRegistry("docker://"+repositoryOf(exact)+"@"+h.Digest, source.Short(ref.Name)))
	}
	list = append(list, c.inStore(ref.Name, source.Short(ref.Name)))
	if why == "" {
		return append(list, c.inRegistry("docker://"+ref.Name, ""))
	}
	refuse("%s", why)
	return list
}

// inStore finds an image by its key in the store: a name, or one with a digest.
func (c *chain) inStore(key, name string) look {
	return func(ctx context.Context) (*image, error) {
		all, err := c.store.Find(ctx, key)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		st := &all[0]
		if best := bestFit(c.in.Platform, all); best != nil {
			st = best
		}
		img, err := c.store.Image(ctx, st.Digest)
		if err != nil {
			return nil, err
		}
		return &image{Image: img, name: name, digest: st.Digest, index: st.Index, platform: st.Platform}, nil
	}
}

// inRegistry asks a registry, for the manifest and the config alone. The image is called
// name, or as the reference says.
func (c *chain) inRegistry(text, name string) look {
	return func(ctx context.Context) (*image, error) {
		ref, err := source.Parse(text)
		if err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		img, err := c.inPlace(limited, ref)
		switch {
		case err != nil && limited.Err() != nil && ctx.Err() == nil:
			return nil, fmt.Errorf("the registry has not answered within %v", patience)
		case err == nil && name != "":
			img.name = name
		}
		return img, err
	}
}

// mayNotAsk says why the registry of a name that an image gives is not asked; "" if it
// is. Whoever made the image could otherwise send us to any host of our own network:
// such a one is asked only where the image itself is from.
func (c *chain) mayNotAsk(ref source.Reference) string {
	host, _, _ := strings.Cut(ref.Name, "/")
	switch {
	case c.fetch.Offline:
		return "the registry was not asked (--offline)"
	case c.fetch.Pull == pullNever:
		return "the registry was not asked (--pull never)"
	case host == c.host || isPublic(host):
		return ""
	}
	return host + " was not asked, which this image is not from (--candidates NAME asks it)"
}

// isPublic reports whether a host has a name that the world may know.
func isPublic(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".lan", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return false
		}
	}
	return strings.Contains(host, ".") && net.ParseIP(strings.Trim(host, "[]")) == nil
}

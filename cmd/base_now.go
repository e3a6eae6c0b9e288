package cmd

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

// mostNow bounds how many names of a base are asked for: each is a request.
const mostNow = 5

// askNow asks what the names of the nearest base mean today.
func (c *chain) askNow(ctx context.Context, r *inspect.BaseReport) error {
	nearest := r.Nearest()
	if nearest == nil {
		return nil
	}
	for _, name := range nearest.Names {
		if len(r.Now) == mostNow {
			break
		}
		now, ok := c.nameNow(ctx, r, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if ok {
			r.Now = append(r.Now, now)
		}
	}
	return nil
}

// nameNow asks what a name of the nearest base means today; ok is false for a name that
// can mean nothing else.
func (c *chain) nameNow(ctx context.Context, r *inspect.BaseReport, name string) (now inspect.NameNow, ok bool) {
	nearest := r.Nearest()
	now = inspect.NameNow{Name: name, Was: nearest.Digest, State: inspect.NowUnchecked}
	ref, err := source.Parse(name)
	if err != nil || ref.Transport != source.Any || ref.Digest != "" {
		return now, false
	}
	why := c.mayNotAskNow(ref, nearest)
	switch {
	case c.current[name] && c.means(name, nearest.Digest):
		now.State, now.Now = inspect.NowCurrent, nearest.Digest
		return now, true
	case c.local[name] != "":
		now.Reason = "it is from a " + c.local[name]
		return now, true
	case why != "":
		now.Reason = why
		return now, true
	}
	img, err := c.inRegistry("docker://"+ref.Name, "")(ctx)
	if err != nil {
		now.Reason = err.Error()
		return now, true
	}
	c.compare(&now, r, img)
	return now, true
}

// mayNotAskNow is mayNotAsk, but for names that the user has, or gave.
func (c *chain) mayNotAskNow(ref source.Reference, i *inspect.BaseImage) string {
	onlyHint := len(i.From) == 1 && i.From[0] == inspect.FromHint
	if !c.fetch.Offline && c.fetch.Pull != pullNever && !onlyHint {
		return ""
	}
	return c.mayNotAsk(ref)
}

// means reports whether no image of the name is known besides the one of the digest.
func (c *chain) means(name, digest string) bool {
	return !slices.ContainsFunc(c.in.Candidates, func(o inspect.Candidate) bool {
		return o.Name == name && o.Digest.String() != digest
	})
}

// compare says what it costs that a name means another image now.
func (c *chain) compare(now *inspect.NameNow, r *inspect.BaseReport, img *image) {
	now.Now, now.State = img.digest.String(), inspect.NowMoved
	nearest := r.Nearest()
	if now.Now == now.Was || nearest.Index != "" && img.index != nil && img.index.String() == nearest.Index {
		now.State = inspect.NowCurrent
		return
	}
	m, err := img.Manifest()
	if err != nil {
		now.State, now.Reason = inspect.NowUnchecked, err.Error()
		return
	}
	base := r.Bases[len(r.Bases)-1].Layers
	now.Move = inspect.MoveOf(c.in.Manifest.Layers, base, m.Layers, c.sameLayers(img, base))
}

// sameLayers reports whether an image has just the lowest layers of ours.
func (c *chain) sameLayers(img v1.Image, base int) bool {
	ids, err := diffIDsOf(img)
	return err == nil && slices.Equal(ids, inspect.DiffIDs(c.in.Config)[:base])
}

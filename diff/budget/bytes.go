package budget

import (
	"context"
	"fmt"

	"github.com/layers/layers/cache/layer"
)

// judge holds what was measured against a rule's limit.
func (out *Result) judge(l *Limit, measured, whole int64) {
	out.Unit, out.Measured, out.Whole, out.Percent = Bytes, measured, whole, percent(measured, whole)
	if l.exceeded(measured, whole) {
		out.Outcome = Failed
	}
}

// measureOf is which bytes a rule is about.
func measureOf(r *Rule) Measure {
	switch {
	case r.Of != "":
		return r.Of
	case r.Within.files():
		return Unpacked
	}
	return Content
}

// value is the bytes of a scope of an image.
func (k *checking) value(ctx context.Context, img *Image, of Measure, s Scope) (int64, error) {
	if s.files() {
		return k.filesWithin(ctx, img, s)
	}
	indexes, err := k.within(ctx, img, s, img.all())
	if err != nil {
		return 0, err
	}
	return img.bytes(ctx, of, indexes)
}

// bytes is the sum of some layers.
func (i *Image) bytes(ctx context.Context, of Measure, indexes []int) (bytes int64, err error) {
	if of == Unpacked {
		sizes, err := i.unpacked(ctx, indexes)
		return sum(sizes), err
	}
	content := i.content()
	for _, n := range indexes {
		bytes = plus(bytes, content[n])
	}
	return bytes, nil
}

func checkMax(ctx context.Context, k *checking, r *Rule, out *Result) error {
	out.Of = measureOf(r)
	value, err := k.value(ctx, k.Image, out.Of, r.Within)
	if err != nil {
		return unknown(out, err)
	}
	var whole int64
	if r.Limit.needsWhole(value) {
		if whole, err = k.value(ctx, k.Image, out.Of, Scope{}); err != nil {
			return err
		}
	}
	out.judge(&r.Limit, value, whole)
	if out.Outcome != Failed {
		return nil
	}
	out.More = command("layers", "inspect", k.Image.Name)
	return k.explain(ctx, nil, r, out)
}

// unknown has a rule be skipped that cannot be checked.
func unknown(out *Result, err error) error {
	if e, ok := err.(*unknownError); ok { //nolint:errorlint // it is never wrapped
		out.Outcome, out.Why = Unknown, e.why
		return nil
	}
	return err
}

// counterpart is what a rule compares with. Where there is none, the result says so.
func (k *checking) counterpart(r *Rule, out *Result) *Image {
	out.Since = Baseline
	with := &k.Baseline
	if r.Since == Anchor {
		out.Since, with = Anchor, &k.Anchor
	}
	switch {
	case with.Image != nil:
		return with.Image
	case with.Missing == "":
		out.Outcome, out.Why = Unknown, fmt.Sprintf("there is no %s to compare with", out.Since)
		return nil
	}
	out.Why, out.Lacking = fmt.Sprintf("the %s %s: %s", out.Since, with.Name, with.Missing), true
	switch k.Budget.OnMissing {
	case MissingWarns:
		out.Outcome = Warned
	case MissingPass:
		out.Outcome = Unknown
	default:
		out.Outcome = Failed
	}
	return nil
}

func checkGrowth(ctx context.Context, k *checking, r *Rule, out *Result) error {
	old := k.counterpart(r, out)
	if old == nil {
		return nil
	}
	out.Of = measureOf(r)
	growth, err := k.growth(ctx, old, r, out)
	if err != nil {
		return unknown(out, err)
	}
	out.judge(&r.Limit, growth, out.Before)
	if out.Outcome != Failed {
		return nil
	}
	out.More = command("layers", "diff", old.Name, k.Image.Name)
	return k.explain(ctx, old, r, out)
}

// growth measures by how much a scope grew. Of layers that both images have nothing need
// be known, unless it is asked how large the part is that the growth is of.
func (k *checking) growth(ctx context.Context, old *Image, r *Rule, out *Result) (int64, error) {
	if out.Of == Content || r.Within != (Scope{}) {
		var err error
		if out.Before, err = k.value(ctx, old, out.Of, r.Within); err != nil {
			return 0, err
		}
		out.After, err = k.value(ctx, k.Image, out.Of, r.Within)
		return out.After - out.Before, err
	}
	after, err := k.Image.bytes(ctx, Unpacked, k.Image.unshared(old))
	if err != nil {
		return 0, err
	}
	before, err := old.bytes(ctx, Unpacked, old.unshared(k.Image))
	if err != nil || !r.Limit.needsWhole(after-before) {
		return after - before, err
	}
	if out.After, err = k.Image.bytes(ctx, Unpacked, k.Image.all()); err != nil {
		return 0, err
	}
	out.Before = out.After - (after - before)
	return after - before, nil
}

// checkFetch asks what a host that has the baseline must fetch: compressed bytes.
func checkFetch(ctx context.Context, k *checking, r *Rule, out *Result) error {
	old := k.counterpart(r, out)
	if old == nil {
		return nil
	}
	out.Of = Content
	var fetch int64
	for n, size := range k.Image.content() {
		if !old.has(k.Image.Layers[n].Digest) {
			fetch = plus(fetch, size)
		}
	}
	out.judge(&r.Limit, fetch, sum(k.Image.content()))
	if out.Outcome != Failed {
		return nil
	}
	out.More = command("layers", "diff", "--layers", old.Name, k.Image.Name)
	return k.explainFetch(ctx, old, out)
}

// treeOf is what a container of the image sees, and the unpacked bytes of all layers.
func (k *checking) treeOf(ctx context.Context) (tree *layer.Tree, whole int64, err error) {
	if tree, err = k.Image.tree(ctx); err != nil {
		return nil, 0, err
	}
	whole, err = k.Image.bytes(ctx, Unpacked, k.Image.all())
	return tree, whole, err
}

// checkReclaimable asks what the layers carry and no container sees.
func checkReclaimable(ctx context.Context, k *checking, r *Rule, out *Result) error {
	tree, whole, err := k.treeOf(ctx)
	if err != nil {
		return err
	}
	hidden := newTally(len(k.Image.Layers))
	h := hiders{tocs: tree.Layers(), deleted: map[int]int64{}, replaced: map[int]int64{}}
	for c, err := range tree.Reclaimable() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		hidden.add(c.Layer, c.Path, c.Bytes)
		if err := h.add(&c); err != nil {
			return err
		}
	}
	out.Of = Unpacked
	out.judge(&r.Limit, hidden.sum, whole)
	if out.Outcome != Failed {
		return nil
	}
	out.hold(hidden.causes(k.Image))
	out.Hint = hintReclaimable(k.Image, out, &h)
	out.More = command("layers", "inspect", "--reclaimable", k.Image.Name)
	return nil
}

// checkDuplicate asks for the bytes of files that the image shows more than once: of each
// content all but one.
func checkDuplicate(ctx context.Context, k *checking, r *Rule, out *Result) error {
	tree, whole, err := k.treeOf(ctx)
	if err != nil {
		return err
	}
	seen := map[layer.Digest]bool{}
	again := newTally(len(k.Image.Layers))
	for n, err := range filesOnce(ctx, tree, func(string) bool { return true }) {
		if err != nil {
			return err
		}
		if seen[n.Digest] {
			again.add(n.Carrier, n.Path, n.Size)
		}
		seen[n.Digest] = true
	}
	out.Of = Unpacked
	out.judge(&r.Limit, again.sum, whole)
	if out.Outcome == Failed {
		out.hold(again.causes(k.Image))
		out.More = command("layers", "ls", k.Image.Name, "/")
	}
	return nil
}

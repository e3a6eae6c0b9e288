package budget

import (
	"context"
	"slices"
)

// checkRequire looks for what a container must see.
func checkRequire(ctx context.Context, k *checking, r *Rule, out *Result) error {
	within, err := k.within(ctx, k.Image, r.Within, k.Image.all())
	if err != nil {
		return unknown(out, err)
	}
	tree, err := k.Image.tree(ctx)
	if err != nil {
		return err
	}
	matchers := make([]*matcher, len(r.Paths))
	for i, p := range r.Paths {
		matchers[i] = newMatcher([]string{p})
	}
	found := make([]bool, len(r.Paths))
	left := len(r.Paths)
	for n, err := range walk(ctx, tree) {
		if err != nil {
			return err
		}
		for i, m := range matchers {
			if !found[i] && slices.Contains(within, n.Layer) && n.Path != "" && m.takes(n.Path) {
				found[i] = true
				left--
			}
		}
		if left == 0 {
			break
		}
	}
	out.Unit, out.Measured = Count, int64(len(r.Paths)-left)
	if left == 0 {
		return nil
	}
	out.Outcome, out.Matched = Failed, left
	for i, ok := range found {
		if !ok {
			out.Matches = append(out.Matches, Match{Value: r.Paths[i]})
		}
	}
	out.Why = "a container does not find them"
	out.More = command("layers", "ls", k.Image.Name, "/")
	return nil
}

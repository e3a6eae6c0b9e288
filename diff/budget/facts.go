package budget

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/layers/layers/diff"
)

func checkLayers(_ context.Context, k *checking, r *Rule, out *Result) error {
	out.count(len(k.Image.Layers), r.Count)
	if out.Outcome == Failed {
		out.More = command("layers", "inspect", k.Image.Name)
	}
	return nil
}

func (out *Result) count(measured, allowed int) {
	out.Unit, out.Measured = Count, int64(measured)
	if measured > allowed {
		out.Outcome = Failed
	}
}

// checkRebuilt counts the layers that differ from the baseline's by times alone: whoever
// has the one must fetch the other, which has nothing new.
func checkRebuilt(ctx context.Context, k *checking, r *Rule, out *Result) error {
	old := k.counterpart(r, out)
	if old == nil {
		return nil
	}
	if old.Reader == nil {
		return k.rebuiltSince(ctx, old, r, out)
	}
	oldSide, err := k.side(ctx, old, old.unshared(k.Image), old.all())
	if err != nil {
		return err
	}
	newSide, err := k.side(ctx, k.Image, k.Image.unshared(old), k.Image.all())
	if err != nil {
		return err
	}
	causes, err := diff.Causes(ctx, oldSide, newSide, 0)
	if err != nil {
		return err
	}
	var numbers []int
	for _, c := range causes {
		if c.Relation == diff.Rebuilt {
			numbers = append(numbers, c.New)
		}
	}
	k.rebuilt(numbers, r, out)
	out.More = command("layers", "diff", "--layers", old.Name, k.Image.Name)
	return nil
}

// rebuiltSince is checkRebuilt for a saved baseline, which has of each layer the digest of
// what it holds.
func (k *checking) rebuiltSince(ctx context.Context, old *Image, r *Rule, out *Result) error {
	indexes := k.Image.unshared(old)
	held, err := k.Image.layers(ctx, indexes)
	if err != nil {
		return err
	}
	var numbers []int
	for i, n := range indexes {
		f, err := held[i].TOC.Fingerprint()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(old.Layers, func(l Layer) bool { return l.Holds == f.Content.String() }) {
			numbers = append(numbers, n+1)
		}
	}
	k.rebuilt(numbers, r, out)
	return nil
}

func (k *checking) rebuilt(numbers []int, r *Rule, out *Result) {
	out.count(len(numbers), r.Count)
	if out.Outcome != Failed {
		return
	}
	content := k.Image.content()
	var all []Cause
	for _, n := range numbers {
		l := k.Image.Layers[n-1]
		all = append(all, Cause{Layer: n, Relation: diff.Rebuilt, Step: l.Step, Bytes: content[n-1]})
	}
	out.Of = Content
	out.hold(all)
	out.Rest = 0
	out.Hint = hintRebuilt()
}

// checkUser asks whom the image runs as.
func checkUser(_ context.Context, k *checking, r *Rule, out *Result) error {
	user, _, _ := strings.Cut(k.Image.User, ":")
	isRoot := isRootName(user)
	ok := !isRoot
	if len(r.Users) > 0 {
		ok = slices.ContainsFunc(r.Users, func(u string) bool { return u == user || isRoot && isRootName(u) })
	}
	if ok {
		return nil
	}
	if user == "" {
		user = "root"
	}
	out.Outcome, out.Matched = Failed, 1
	out.Matches = []Match{{Value: user}}
	out.Why = "it runs as " + user
	out.More = command("layers", "inspect", k.Image.Name)
	if isRoot {
		out.Hint = &Hint{Code: "user", Text: "have the last stage run as an ordinary user", File: "Dockerfile", Example: "USER 1000"}
	}
	return nil
}

// isRootName reports whether a user of a config is root: nobody, the name, the number.
func isRootName(user string) bool {
	return user == "root" || strings.Trim(user, "0") == ""
}

// checkPlatforms asks for which platforms the image is there.
func checkPlatforms(_ context.Context, k *checking, r *Rule, out *Result) error {
	for _, p := range r.Platforms {
		if !slices.ContainsFunc(k.Available, func(have string) bool { return have == p || strings.HasPrefix(have, p+"/") }) {
			out.Matches = append(out.Matches, Match{Value: p})
		}
	}
	if len(out.Matches) == 0 {
		return nil
	}
	out.Outcome, out.Matched = Failed, len(out.Matches)
	out.Why = "it has " + strings.Join(k.Available, ", ")
	return nil
}

// checkBase asks what the image is built on.
func checkBase(ctx context.Context, k *checking, r *Rule, out *Result) error {
	base, err := k.Image.facts(ctx)
	if err != nil {
		return err
	}
	if base.Layers == 0 {
		out.Outcome, out.Why = Unknown, "what it is built on is not known"
		if len(r.BaseIs.Is) > 0 {
			out.Outcome, out.Why = Failed, "it is built on none of "+strings.Join(r.BaseIs.Is, ", ")
		}
		return nil
	}
	if why := k.wrongBase(&base, &r.BaseIs); why != "" {
		out.Outcome, out.Why, out.Matched = Failed, why, 1
		out.Matches = []Match{{Value: baseName(&base)}}
		out.More = command("layers", "base", k.Image.Name)
	}
	return nil
}

func baseName(b *BaseFacts) string {
	if len(b.Names) > 0 {
		return b.Names[0]
	}
	return b.Digest
}

const day = 24 * time.Hour

// wrongBase says what is wrong with a base; "" is nothing.
func (k *checking) wrongBase(b *BaseFacts, rule *BaseRule) string {
	name := baseName(b)
	is := len(rule.Is) == 0 || slices.ContainsFunc(b.Names, func(n string) bool {
		return slices.ContainsFunc(rule.Is, func(p string) bool { return MatchesReference(p, n) })
	})
	switch {
	case !is && b.How == BaseGuess:
		return "what it is built on has no known name, and is to be " + strings.Join(rule.Is, " or ")
	case !is:
		return fmt.Sprintf("it is built on %s, and not on %s", name, strings.Join(rule.Is, " or "))
	case rule.Pinned && !b.Pinned:
		return "its build does not name its base by a digest"
	case rule.MaxAge > 0 && b.Created == nil:
		return "when its base was made is not known"
	case rule.MaxAge > 0 && k.now.Sub(*b.Created) > rule.MaxAge:
		return fmt.Sprintf("its base %s was made %d days ago, and may be %d days old",
			name, k.now.Sub(*b.Created)/day, rule.MaxAge/day)
	}
	return ""
}

// BaseGuess is how a base was found that has no name: by the look of the history.
const BaseGuess = "guess"

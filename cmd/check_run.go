package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/diff/budget"
)

// checkRun is the check of all images.
type checkRun struct {
	*session
	flags    checkFlags
	checker  *budget.Checker
	platform *v1.Platform // that is asked for; nil is every one
	checked  []*budget.Image
	missing  []error // of baselines
}

// image checks an image, for each of its platforms.
func (r *checkRun) image(ctx context.Context, t target) error {
	r.fetch.Platform.Platform = r.platform
	found, err := r.findAll(ctx, t.name)
	if err != nil {
		return err
	}
	baseline, err := r.baseline(ctx, t)
	if err != nil {
		return err
	}
	anchor, err := r.others(ctx, cmp.Or(r.flags.anchor, t.budget.Anchor), t.budget)
	if err != nil {
		return err
	}
	available := platformNames(found)
	for _, img := range r.wanted(t, found) {
		checked, err := r.budgetImage(img, r.bases(t.budget))
		if err != nil {
			return err
		}
		r.checked = append(r.checked, checked)
		q := budget.Question{
			Budget: t.budget, Image: checked, Available: available,
			Baseline: r.counterpart(baseline, checked, len(found)), Anchor: r.counterpart(anchor, checked, len(found)),
		}
		if err := r.checker.Check(ctx, q); err != nil {
			return err
		}
	}
	r.noteLost(t, baseline, available)
	return nil
}

// counterpart is what an image is compared with. That there is none for its platform is
// noted, as it is where there is none at all.
func (r *checkRun) counterpart(o *others, img *budget.Image, images int) budget.Counterpart {
	c := o.of(img, images)
	if c.Image == nil && len(o.images) > 0 {
		r.missing = append(r.missing, &missingError{c.Name + ": " + c.Missing})
	}
	return c
}

// noteLost notes the platforms that the baseline is there for, and the image is not,
// where every platform is checked.
func (r *checkRun) noteLost(t target, baseline *others, available []string) {
	if r.platform != nil || len(t.budget.Platforms) > 0 || len(available) == 1 && len(baseline.images) == 1 {
		return
	}
	for _, old := range baseline.images {
		if !slices.Contains(available, old.Platform) {
			why := fmt.Sprintf("the baseline %s is there for it, and this image is not", baseline.name)
			r.checker.Missing(t.budget, t.name, old.Platform, budget.Warned, why)
		}
	}
}

func platformNames(images []*image) []string {
	names := make([]string, len(images))
	for i, img := range images {
		names[i] = img.platform.String()
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wanted are the images for the platforms that a budget is for. What is not there for one
// is noted.
func (r *checkRun) wanted(t target, found []*image) []*image {
	if len(t.budget.Platforms) == 0 || r.platform != nil {
		return found
	}
	var all []*image
	for _, name := range t.budget.Platforms {
		want, err := source.ParsePlatform(name)
		at := -1
		if err == nil {
			at = slices.IndexFunc(found, func(i *image) bool { return source.Fits(want, i.platform) > 0 })
		}
		if at < 0 {
			r.checker.Missing(t.budget, t.name, name, budget.Failed, "the image is not there for this platform")
			continue
		}
		all = append(all, found[at])
	}
	return all
}

// bases are the names of images that this one may be built on, by its rules.
func (r *checkRun) bases(b *budget.Budget) (names []string) {
	if base := cmp.Or(r.flags.base, b.Base); base != "" {
		names = append(names, base)
	}
	for _, rule := range b.Rules {
		for _, pattern := range rule.BaseIs.Is {
			if budget.IsReference(pattern) {
				names = append(names, pattern)
			}
		}
	}
	return names
}

// others are the images, one for each platform, that an image is compared with.
type others struct {
	name    string
	images  []*budget.Image
	missing string
}

// of is the one that an image is compared with: of its platform, or, where either side
// has but one, that one.
func (o *others) of(img *budget.Image, images int) budget.Counterpart {
	c := budget.Counterpart{Name: o.name, Missing: o.missing}
	for _, other := range o.images {
		if other.Platform == img.Platform || images == 1 && len(o.images) == 1 {
			c.Name, c.Image = other.Name, other
			return c
		}
	}
	if c.Missing == "" && o.name != "" {
		c.Missing = "it is not there for " + img.Platform
	}
	return c
}

// baseline is what an image is compared with.
func (r *checkRun) baseline(ctx context.Context, t target) (*others, error) {
	switch {
	case r.flags.file != "":
		return r.savedBaseline(t)
	case r.flags.git.baseline:
		return r.gitBaseline(ctx, t)
	}
	return r.others(ctx, cmp.Or(r.flags.baseline, t.budget.Baseline), t.budget)
}

// others finds the images of a reference. That there are none, or that they may not be
// seen, is no error here; that nobody could say is one.
func (r *checkRun) others(ctx context.Context, name string, b *budget.Budget) (*others, error) {
	o := &others{name: name}
	if name == "" {
		return o, nil
	}
	r.fetch.Platform.Platform = r.platform
	found, err := r.findAll(ctx, name)
	if isMissing(err) {
		r.missing = append(r.missing, err)
		o.missing = "it is not there, or may not be seen"
		var auth *source.AuthError
		if errors.As(err, &auth) {
			o.missing = "the registry gives nobody access without credentials, and there are none, or others"
		}
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	for _, img := range found {
		one, err := r.budgetImage(img, r.bases(b))
		if err != nil {
			return nil, err
		}
		o.images = append(o.images, one)
	}
	return o, nil
}

// isMissing reports whether an error says that there is no such image, or none that may
// be seen.
func isMissing(err error) bool {
	var notFound *source.NotFoundError
	var platform *source.PlatformError
	var auth *source.AuthError
	return errors.As(err, &notFound) || errors.As(err, &platform) || errors.As(err, &auth)
}

// savedBaseline reads what an earlier check has saved.
func (r *checkRun) savedBaseline(t target) (*others, error) {
	o := &others{name: r.flags.file}
	data, err := os.ReadFile(r.flags.file)
	if errors.Is(err, os.ErrNotExist) {
		r.missing = append(r.missing, &missingError{r.flags.file + ": there is no such file"})
		o.missing = "there is no such file"
		return o, nil
	}
	if err != nil {
		return nil, &fileError{name: r.flags.file, err: err}
	}
	saved, err := budget.ReadSaved(data)
	if err != nil {
		return nil, &fileError{name: r.flags.file, err: err, hint: "layers check IMAGE --save " + r.flags.file + " writes one"}
	}
	if o.images = saved.For(t.name); len(o.images) == 0 {
		r.missing = append(r.missing, &missingError{fmt.Sprintf("%s: %v: %s", r.flags.file, budget.ErrNotSaved, t.name)})
		o.missing = budget.ErrNotSaved.Error()
	}
	return o, nil
}

// missingError says that something is not there that an image is compared with.
type missingError struct{ text string }

// Error names it, and says why it is not there.
func (e *missingError) Error() string { return e.text }

// finish writes what came of it. That only a baseline was missing is told from a budget
// that is broken by the exit code.
func (r *checkRun) finish(ctx context.Context, outputs []checkOutput) error {
	if r.flags.save != "" {
		if err := r.saveAll(ctx); err != nil {
			return err
		}
	}
	report := r.checker.Report()
	if err := r.program.writeCheck(r.flags, outputs, report); err != nil {
		return err
	}
	switch {
	case report.Outcome != budget.Failed:
		return nil
	case !r.checker.Broken() && len(r.missing) > 0:
		return errors.Join(r.missing...)
	}
	return noError{}
}

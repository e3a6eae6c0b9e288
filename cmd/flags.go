package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// choice is a flag that takes one of some words.
type choice[T ~string] struct {
	value *T
	words []T
}

// String is the word that is chosen now, which help shows as the usual one.
func (c choice[T]) String() string { return string(*c.value) }

// Type is how help calls the value.
func (c choice[T]) Type() string { return "WORD" }

// Set takes one of the words; its error lists them.
func (c choice[T]) Set(s string) error {
	if !slices.Contains(c.words, T(s)) {
		return fmt.Errorf("it must be one of %s", joinWords(c.words))
	}
	*c.value = T(s)
	return nil
}

func joinWords[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// addChoice gives c a flag that takes one of the words; the first is the usual one.
func addChoice[T ~string](c *cobra.Command, value *T, name, usage string, words ...T) {
	*value = words[0]
	c.Flags().Var(choice[T]{value, words}, name, usage+": "+strings.ReplaceAll(joinWords(words), ", ", "|"))
	complete(c, name, func() []string { return strings.Split(joinWords(words), ", ") })
}

// complete gives a flag its completions.
func complete(c *cobra.Command, flag string, words func() []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag does not exist, or has completions: a slip in this package
	}
}

// outputFlags say how the answer is written. A command offers those that mean
// something for it.
type outputFlags struct {
	Format  string
	Output  string
	Quiet   bool
	NoTrunc bool
	Sort    string
	Limit   int
	Units   string
	Color   term.Color

	long     bool // of listings
	unpacked bool // of pictures
	formats  []string
	limitSet func() bool
}

// rows is how many rows a report is asked for; where the user does not say, it is 0,
// what reports have by themselves.
func (o *outputFlags) rows() int {
	switch {
	case o.limitSet == nil, !o.limitSet():
		return 0
	case o.Limit == 0:
		return inspect.All
	}
	return o.Limit
}

// The sets of formats that commands offer beside templates.
var (
	formatsValue = []string{"table", "json"}
	formatsList  = []string{"table", "json", "jsonl", "markdown", "csv"}
)

func (o *outputFlags) format(c *cobra.Command, formats []string) {
	o.formats = formats
	c.Flags().StringVarP(&o.Format, "format", "f", formats[0], strings.Join(formats, "|")+"|TEMPLATE (layers help formats)")
	complete(c, "format", func() []string { return formats })
	o.units(c)
}

func (o *outputFlags) file(c *cobra.Command) {
	c.Flags().StringVarP(&o.Output, "output", "o", "", "write the answer to `FILE`")
}

func (o *outputFlags) quiet(c *cobra.Command, usage string) {
	c.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, usage)
}

func (o *outputFlags) noTrunc(c *cobra.Command) {
	c.Flags().BoolVar(&o.NoTrunc, "no-trunc", false, "whole digests and build steps")
}

func (o *outputFlags) sort(c *cobra.Command, words ...string) {
	addChoice(c, &o.Sort, "sort", "order", words...)
}

func (o *outputFlags) limit(c *cobra.Command, usage string) {
	c.Flags().IntVar(&o.Limit, "limit", 0, usage)
	o.limitSet = func() bool { return c.Flags().Changed("limit") }
}

func (o *outputFlags) units(c *cobra.Command) {
	addChoice(c, &o.Units, "units", "units of sizes", "si", "iec", "bytes")
}

func (o *outputFlags) color(c *cobra.Command) {
	addChoice(c, &o.Color, "color", "colour", term.Auto, term.Always, term.Never)
}

// check says whether the format is one that the command has.
func (o *outputFlags) check() error {
	switch {
	case o.formats == nil, slices.Contains(o.formats, o.Format), strings.Contains(o.Format, "{{"):
	default:
		e := &usageError{
			text: fmt.Sprintf("unknown format %q: this command has %s and templates", o.Format, strings.Join(o.formats, ", ")),
			hint: "layers help formats",
		}
		if near := closest(o.Format, o.formats); len(near) > 0 {
			e.hint = "did you mean --format " + near[0] + "?"
		}
		return e
	}
	if strings.Contains(o.Format, "{{") {
		// Functions and fields are known to the renderer only; that a template cannot
		// be read should be said before an image is pulled for it.
		t := parse.New("format")
		t.Mode = parse.SkipFuncCheck
		if _, err := t.Parse(o.Format, "", "", map[string]*parse.Tree{}); err != nil {
			return &report.TemplateError{Err: err}
		}
	}
	if o.Limit < 0 {
		return &usageError{text: "--limit must not be negative; 0 is all"}
	}
	return nil
}

// storeFlags say which store is used, and how.
type storeFlags struct {
	Dir      string
	Jobs     int
	Limits   layer.Limits
	Progress term.Mode

	look bool // nothing is written to the store
}

func (s *storeFlags) dir(c *cobra.Command) {
	c.Flags().StringVar(&s.Dir, "store", "", "the store's `DIR` (also LAYERS_STORE)")
}

// work adds the flags of commands that may read layers.
func (s *storeFlags) work(c *cobra.Command) {
	s.dir(c)
	c.Flags().IntVar(&s.Jobs, "jobs", 0, "read and download `N` layers side by side (0: by the CPUs)")
	c.Flags().Var(limitsFlag{&s.Limits}, "limits", "of a layer, as NAME=N,NAME=N: entries, unpacked, ratio, path, names, memory, xattrs")
	addChoice(c, &s.Progress, "progress", "how to show it", term.ModeAuto, term.ModeTTY, term.ModePlain, term.ModeJSON, term.ModeNone)
}

func (s *storeFlags) check() error {
	if s.Jobs < 0 {
		return &usageError{text: "--jobs must not be negative; 0 is a number from the CPUs"}
	}
	return nil
}

// limitsFlag reads NAME=N,NAME=N; -1 is no limit. Sizes may end in k, M, G, T.
type limitsFlag struct{ limits *layer.Limits }

// String is "" whatever is set: the limits that hold by themselves are the layers'.
func (l limitsFlag) String() string { return "" }

// Type is how help calls the value.
func (l limitsFlag) Type() string { return "LIST" }

// Set adds the limits of a list to those set before; of what is wrong, the first is said.
func (l limitsFlag) Set(s string) error {
	fields := map[string]*int64{
		"entries": &l.limits.Entries, "unpacked": &l.limits.Unpacked, "ratio": &l.limits.Ratio,
		"path": &l.limits.Path, "names": &l.limits.Names,
		"memory": &l.limits.Memory, "xattrs": &l.limits.Xattrs,
	}
	for pair := range strings.SplitSeq(s, ",") {
		name, number, ok := strings.Cut(pair, "=")
		field := fields[strings.TrimSpace(name)]
		if !ok || field == nil {
			return fmt.Errorf("%q is not NAME=N with one of entries, unpacked, ratio, path, names, memory, xattrs", pair)
		}
		n, err := parseNumber(strings.TrimSpace(number))
		if err != nil {
			return fmt.Errorf("%q: %w", pair, err)
		}
		*field = n
	}
	return nil
}

// parseNumber reads a positive number, also one like 20G, or -1.
func parseNumber(s string) (int64, error) {
	unit := int64(1)
	if s != "" {
		if i := strings.IndexByte("kMGT", s[len(s)-1]); i >= 0 {
			for range i + 1 {
				unit *= 1000
			}
			s = s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a number", s)
	case n == -1 && unit == 1:
		return -1, nil
	case n <= 0 || n > (1<<63-1)/unit:
		return 0, fmt.Errorf("%s is out of range", s)
	}
	return n * unit, nil
}

// The values of --pull.
const (
	pullMissing = "missing"
	pullAlways  = "always"
	pullNewer   = "newer"
	pullNever   = "never"
)

// fetchFlags say how images are found.
type fetchFlags struct {
	Platform  platformFlag
	Pull      string
	Offline   bool
	AuthFile  string
	TLSVerify bool
	PlainHTTP bool
}

// add adds them all; pull is for commands that take an image from the store if it
// is there.
func (f *fetchFlags) add(c *cobra.Command, pull bool) {
	c.Flags().Var(&f.Platform, "platform", "of an image for several: os/arch[/variant]")
	complete(c, "platform", func() []string {
		return []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64", "linux/s390x"}
	})
	if pull {
		addChoice(c, &f.Pull, "pull", "when to ask the registry", pullMissing, pullAlways, pullNewer, pullNever)
	}
	f.registry(c)
}

// check says whether the flags contradict each other. newer goes with --offline, as it
// does with a registry that does not answer: what the store has is taken.
func (f *fetchFlags) check() error {
	if f.Offline && f.Pull == pullAlways {
		return &usageError{text: "--pull always and --offline exclude each other"}
	}
	return nil
}

// registry adds the flags that say how registries are spoken to.
func (f *fetchFlags) registry(c *cobra.Command) {
	c.Flags().BoolVar(&f.Offline, "offline", false, "ask no registry")
	c.Flags().StringVar(&f.AuthFile, "authfile", "", "`FILE` of credentials that is asked first (also REGISTRY_AUTH_FILE)")
	c.Flags().BoolVar(&f.TLSVerify, "tls-verify", true, "check the certificates of registries")
	c.Flags().BoolVar(&f.PlainHTTP, "plain-http", false, "speak HTTP to registries")
}

// platformFlag is a platform; nil if none was given.
type platformFlag struct{ *v1.Platform }

// Type is how help calls the value.
func (p *platformFlag) Type() string { return "PLATFORM" }

// String is the platform as it is written, "" if none was given.
func (p *platformFlag) String() string {
	if p.Platform == nil {
		return ""
	}
	return p.Platform.String()
}

// Set takes what source.ParsePlatform reads, and has its errors.
func (p *platformFlag) Set(s string) error {
	parsed, err := source.ParsePlatform(s)
	if err != nil {
		return err
	}
	p.Platform = &parsed
	return nil
}

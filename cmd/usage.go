package cmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layers/layers/cmd/term"
)

const overview = `Look inside container images: what each layer costs, what changed, what is shared.

Look:    inspect IMAGE            layers, sizes, base image, reclaimable bytes
         diff OLD NEW             what changed: layers, files, packages, config
         ls IMAGE [PATH]          list files (of the image, or of one layer)
         cat IMAGE PATH           print a file
         why IMAGE PATH           which layers and build steps made, changed or hid this path
Share:   base IMAGE...            the base of an image; what images share, as a tree
Run:     shell IMAGE [-- CMD]     a shell in an image, read-only, no daemon
         mount IMAGE DIR          mount read-only with overlayfs;  umount DIR
         unpack IMAGE DIR         the image's files in a directory
Store:   pull IMAGE...            download and unpack into the local store
         images                   what is in the store
         rm IMAGE...              remove images
         cache df|plan|prune|verify|path
CI:      check [IMAGE...]         size budgets, against a baseline
Other:   demo  doctor  completion  version  help
`

func writeOverview(w io.Writer) error {
	_, err := io.WriteString(w, overview)
	return err
}

// manual is what help says about a command beside its flags.
type manual struct {
	long     string // what it does, in sentences
	examples []string
	exits    []int // beside those that every command has
}

// exitKey is the annotation that holds the help on exit codes.
const exitKey = "exits"

// describe puts a manual into a command.
func describe(c *cobra.Command, m manual) *cobra.Command {
	c.Long = strings.TrimSpace(m.long)
	c.Example = "  " + strings.Join(m.examples, "\n  ")
	c.Annotations = map[string]string{exitKey: exitHelp(m.exits)}
	return c
}

// help writes the help of a command.
func (p *program) help(c *cobra.Command, _ []string) {
	text := overview
	if c.HasParent() {
		text = commandHelp(c, term.Probe(p.stdout, p.getenv, term.Never).Width)
	}
	// A broken stdout shows when the buffer is flushed; help has no one to tell.
	io.WriteString(p.stdout, text)
}

func commandHelp(c *cobra.Command, width int) string {
	var b strings.Builder
	long := c.Long
	if long == "" {
		long = c.Short
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n", long)
	if c.HasSubCommands() {
		for _, sub := range c.Commands() {
			fmt.Fprintf(&b, "  %-28s %s\n", sub.UseLine(), sub.Short)
		}
	} else {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if flags := c.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", flags.FlagUsagesWrapped(width))
	}
	if strings.TrimSpace(c.Example) != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if exits := c.Annotations[exitKey]; exits != "" {
		fmt.Fprintf(&b, "\nExit codes:\n%s", exits)
	}
	return b.String()
}

// invalidValue says what is wrong with a flag's value, without the names of Go's
// functions.
func invalidValue(invalid *pflag.InvalidValueError, err error) string {
	f, what := invalid.GetFlag(), "is not a whole number"
	switch {
	case errors.Is(err, strconv.ErrRange):
		what = "is out of range"
	case !errors.Is(err, strconv.ErrSyntax):
		return err.Error()
	case f.Value.Type() == "bool":
		what = "is neither true nor false"
	}
	return fmt.Sprintf("--%s: %q %s", f.Name, invalid.GetValue(), what)
}

// flagError says what is wrong with a flag, and which one may have been meant.
func flagError(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	e := &usageError{text: err.Error(), hint: c.CommandPath() + " --help"}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		e.text = invalidValue(invalid, err)
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return e
	}
	name := unknown.GetSpecifiedName()
	if len(name) == 1 {
		return e
	}
	switch {
	case !c.HasParent() && name == "version":
		e.hint = "layers version"
		return e
	case !c.HasParent():
		e.hint = "flags come after the command: layers COMMAND --" + name
		return e
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := closest(name, names); len(near) > 0 {
		e.hint = "did you mean --" + near[0] + "?   (" + c.CommandPath() + " --help lists them all)"
	}
	return e
}

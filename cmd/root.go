package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the command tree.
func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:               "layers",
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.answer("", writeOverview)
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(p.help)
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	root.AddCommand(
		newInspect(p), newDiff(p), newLs(p), newCat(p), newWhy(p), newBase(p), newCheck(p),
		newMount(p), newUmount(p), newUnpack(p), newShell(p),
		newPull(p), newImages(p), newRm(p), newCache(p),
		newDemo(p), newDoctor(p), newCompletion(p), newVersion(p),
	)
	root.SetHelpCommand(newHelp(p))
	root.InitDefaultHelpCmd()
	for _, c := range allCommands(root) {
		c.DisableFlagsInUseLine = true
		c.Flags().BoolP("help", "h", false, "this text")
	}
	return root
}

// allCommands returns c and every command below it.
func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{
					text: fmt.Sprintf("%s: a command is missing: %s", cmd.Name(), list(commandNames(cmd), 20)),
					hint: cmd.CommandPath() + " --help",
				}
			}
			return unknownCommand(cmd, args[0])
		},
	}
	g.AddCommand(commands...)
	return g
}

func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

func unknownCommand(parent *cobra.Command, name string) error {
	path := parent.CommandPath()
	e := &usageError{text: fmt.Sprintf("unknown command %q", name), hint: path + " --help"}
	if near := closest(name, commandNames(parent)); len(near) > 0 {
		e.hint = fmt.Sprintf("did you mean %s %s?", path, near[0])
	}
	return e
}

// arguments checks how many arguments a command has; most < 0 is any number.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		text := ""
		switch {
		case len(args) < least:
			text = "an argument is missing"
		case most == 0 && len(args) > 0:
			text = fmt.Sprintf("takes no arguments, and got %q", args[0])
		case most >= 0 && len(args) > most:
			text = fmt.Sprintf("too many arguments, from %q on", args[most])
		default:
			return nil
		}
		return &usageError{
			text: fmt.Sprintf("%s: %s", strings.TrimPrefix(cmd.CommandPath(), "layers "), text),
			hint: cmd.UseLine() + "   (see " + cmd.CommandPath() + " --help)",
		}
	}
}

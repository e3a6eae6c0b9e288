package cmd

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed topics/references.txt
var topicReferences string

//go:embed topics/formats.txt
var topicFormats string

//go:embed topics/exit-codes.txt
var topicExitCodes string

var topics = map[string]string{
	"references": topicReferences,
	"formats":    topicFormats,
	"exit-codes": topicExitCodes,
}

func newHelp(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "help on a command, or on references, formats, exit-codes",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.answer("", func(w io.Writer) error { return writeHelp(w, cmd.Root(), args) })
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(topicNames(), commandNames(cmd.Root())...), cobra.ShellCompDirectiveNoFileComp
		},
	}
	return describe(c, manual{
		long:     "Help on a command, or on a topic: " + strings.Join(topicNames(), ", ") + ".",
		examples: []string{"layers help inspect", "layers help references"},
	})
}

func topicNames() []string { return slices.Sorted(maps.Keys(topics)) }

func writeHelp(w io.Writer, root *cobra.Command, args []string) error {
	if len(args) == 0 {
		_, err := fmt.Fprintf(w, "%s\nHelp on each: layers help COMMAND.   Topics: layers help %s\n",
			overview, strings.Join(topicNames(), "|"))
		return err
	}
	if topic, ok := topics[args[0]]; ok && len(args) == 1 {
		_, err := io.WriteString(w, topic)
		return err
	}
	c, rest, _ := root.Find(args)
	if c == nil || c == root || len(rest) > 0 {
		e := &usageError{text: fmt.Sprintf("no command or topic %q", strings.Join(args, " ")), hint: "layers help"}
		if near := closest(args[0], append(topicNames(), commandNames(root)...)); len(near) > 0 {
			e.hint = "did you mean layers help " + near[0] + "?"
		}
		return e
	}
	_, err := io.WriteString(w, commandHelp(c, 80))
	return err
}

package cmd

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func testRoot() *cobra.Command {
	return newRoot(&program{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }})
}

func leaves() []*cobra.Command {
	return slices.DeleteFunc(allCommands(testRoot()), func(c *cobra.Command) bool { return !c.HasParent() })
}

func TestEveryCommandIsDescribed(t *testing.T) {
	for _, c := range leaves() {
		text := commandHelp(c, 80)
		for _, part := range []string{"\nUsage:\n", "\nExamples:\n  ", "\nExit codes:\n", "\n    0  done\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q", c.CommandPath(), part)
			}
		}
		fits(t, c.CommandPath(), c.Long)
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s says nothing of itself", c.CommandPath())
		}
	}
}

// TestExamplesParse holds the examples in help to the commands and flags that there are.
func TestExamplesParse(t *testing.T) {
	for _, c := range leaves() {
		for line := range strings.Lines(c.Example) {
			found := false
			for part := range strings.SplitSeq(strings.NewReplacer("$(", "|", ")", "|").Replace(line), "|") {
				if args, ok := strings.CutPrefix(strings.Trim(part, " \"\n"), "layers "); ok {
					found = true
					parseExample(t, shellWords(args))
				}
			}
			if !found {
				t.Errorf("%s: no layers in %q", c.CommandPath(), line)
			}
		}
	}
}

func parseExample(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := testRoot().Find(args)
	if err != nil || !c.HasParent() {
		t.Errorf("%q: no such command: %v", args, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
	} else if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

// shellWords splits at blanks, but not inside single quotes.
func shellWords(s string) []string {
	var words []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestOverviewListsWhatThereIs(t *testing.T) {
	for _, name := range commandNames(testRoot()) {
		if !strings.Contains(overview, " "+name+" ") && !strings.Contains(overview, " "+name+"\n") {
			t.Errorf("the overview does not know %s", name)
		}
	}
}

// fits holds a text to 80 columns.
func fits(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%s: a line of %d columns: %s", name, n, line)
		}
	}
}

func TestTopicsFitAndNameFlagsThatAre(t *testing.T) {
	flags := map[string]bool{}
	for _, c := range leaves() {
		for word := range strings.FieldsSeq(c.LocalFlags().FlagUsages()) {
			flags[strings.Trim(word, ",()")] = true
		}
	}
	for name, text := range topics {
		fits(t, name, text)
		for word := range strings.FieldsSeq(text) {
			if flag := strings.Trim(word, ",.;()"); strings.HasPrefix(flag, "--") && !flags[flag] {
				t.Errorf("%s: no command has %s", name, flag)
			}
		}
	}
}

package builtin

import (
	"context"
	"fmt"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/layers/layers/cache/shell/builtin/tools"
)

// script is sh: [-OPTIONS] -c COMMAND [NAME [ARGUMENT...]], or FILE [ARGUMENT...], or
// what the standard input has.
func (s *shell) script(ctx context.Context, with streams, args []string) int {
	options, words, command := shOptions(args[1:])
	var text, name string
	switch {
	case command && len(words) == 0:
		fmt.Fprintln(with.err, "sh: -c needs a command")
		return 2
	case command:
		text, name, words = words[0], "sh", words[1:]
		if len(words) > 0 {
			name, words = words[0], words[1:]
		}
	case len(words) == 0:
		return s.scriptFromInput(ctx, with, options)
	default:
		file := words[0]
		if !strings.HasPrefix(file, "/") {
			file = with.dir + "/" + file
		}
		data, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintf(with.err, "sh: %s: %v\n", tools.Quoted(words[0]), err)
			return 127
		}
		text, name, words = string(data), words[0], words[1:]
	}
	r, err := s.runner(with, append(append(options, "--"), words...)...)
	if err != nil {
		fmt.Fprintf(with.err, "sh: %v\n", err)
		return 2
	}
	all, err := syntax.NewParser().Parse(strings.NewReader(text), name)
	if err != nil {
		fmt.Fprintf(with.err, "sh: %v\n", err)
		return 2
	}
	return s.evaluate(ctx, r, all)
}

// shOptions takes options as of set from the words, and -c, -s, -i and -l.
func shOptions(words []string) (options, rest []string, command bool) {
	for len(words) > 0 && len(words[0]) > 1 && (words[0][0] == '-' || words[0][0] == '+') {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		command = command || strings.Contains(word, "c")
		if left := strings.Map(withoutLetters("csil"), word); len(left) > 1 {
			options = append(options, left)
		}
		if strings.HasSuffix(word, "o") && len(words) > 0 {
			options, words = append(options, words[0]), words[1:]
		}
	}
	return options, words, command
}

func withoutLetters(letters string) func(rune) rune {
	return func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return -1
		}
		return r
	}
}

func (s *shell) scriptFromInput(ctx context.Context, with streams, options []string) int {
	if with.in == nil {
		return 0
	}
	if with.in == s.keys && s.terminal() {
		fmt.Fprintln(with.err, "sh: this is one; a script can be given: sh FILE, sh -c COMMAND")
		return 2
	}
	r, err := s.runner(with, options...)
	if err != nil {
		fmt.Fprintf(with.err, "sh: %v\n", err)
		return 2
	}
	return s.runLines(ctx, r, with.in)
}

package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/layers/layers/cache"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "a script that completes commands, flags and image names",
		Args:      arguments(1, 1),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(shells, args[0]) {
				return &usageError{text: fmt.Sprintf("no completion for %q", args[0]),
					hint: "layers completion bash|zsh|fish|powershell"}
			}
			return p.answer("", func(w io.Writer) error { return writeCompletion(w, cmd.Root(), args[0]) })
		},
	}
	return describe(c, manual{
		long: `Print a script that completes commands, flags, and names of images in the store.

  bash         source <(layers completion bash)            in ~/.bashrc
  zsh          source <(layers completion zsh)             in ~/.zshrc
  fish         layers completion fish | source             in config.fish
  powershell   layers completion powershell | Out-String | Invoke-Expression

It needs no other package; where bash-completion is there, it is used.`,
		examples: []string{"layers completion bash", "layers completion fish"},
	})
}

func writeCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return writeBashCompletion(w, root)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	}
	return root.GenPowerShellCompletionWithDesc(w)
}

// wantsPackage is where cobra's script asks for the package bash-completion.
const wantsPackage = `    _get_comp_words_by_ref "$@" cur prev words cword
`

// withoutPackage does what the package would: bash has torn the words apart at = and
// :, which references and flags have in them, and the text after the cursor is not
// to be completed.
const withoutPackage = `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i word rest=$COMP_LINE joined over after=$((${#COMP_LINE} - COMP_POINT))
    words=()
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        joined=
        if ((i > 0)) && [[ $rest != [[:space:]]* && ( $word == [=:]* || ${COMP_WORDS[i-1]} == *[=:] ) ]]; then
            joined=${words[${#words[@]}-1]}
            unset "words[${#words[@]}-1]"
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
        if ((i == COMP_CWORD)); then
            over=$((after - ${#rest}))
            ((over > 0 && over <= ${#word})) && word=${word:0:${#word}-over}
            cword=${#words[@]}
        fi
        words+=("$joined$word")
    done
    cur=${words[cword]}
    prev=
    ((cword > 0)) && prev=${words[cword-1]}
    return 0
`

func writeBashCompletion(w io.Writer, root *cobra.Command) error {
	var script strings.Builder
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.Replace(script.String(), wantsPackage, withoutPackage, 1))
	return err
}

// plainUsage takes the back-quotes, which mark a value's name for help, out of what
// completion shows beside flags.
func plainUsage(root *cobra.Command) {
	for _, c := range allCommands(root) {
		c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	}
}

// completeImages completes the first arguments, up to most (0 is any number), with
// the names in the store. It makes no store where there is none.
func (p *program) completeImages(most int, flags *storeFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := storedNames(cmd.Context(), flags.Dir)
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) })
		// Files complete too: an image may be an archive.
		return names, cobra.ShellCompDirectiveDefault
	}
}

// storedNames are the names in a store; none if it cannot be read, because nobody
// looks at what completion has to say.
func storedNames(ctx context.Context, dir string) []string {
	if dir == "" {
		dir = cache.DefaultDir()
	}
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	store, err := cache.Open(dir, cache.Options{})
	if err != nil {
		return nil
	}
	defer store.Close()
	if ctx == nil {
		ctx = context.Background()
	}
	all, err := store.Images(ctx)
	if err != nil {
		return nil
	}
	return shortNames(all)
}

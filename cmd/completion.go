package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

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

In bash it needs the package bash-completion, sourced before.`,
		examples: []string{"layers completion bash", "layers completion fish"},
	})
}

func writeCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	}
	return root.GenPowerShellCompletionWithDesc(w)
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

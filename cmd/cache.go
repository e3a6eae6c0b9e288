package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newCache(p *program) *cobra.Command {
	c := group("cache", "the store itself", newCacheDf(p), newCachePlan(p), newCachePath(p), newCachePrune(p), newCacheVerify(p))
	return describe(c, manual{
		long:     "Look after the local store.",
		examples: []string{"layers cache df", "layers cache path", "layers cache verify --repair", "layers cache prune --dry-run"},
	})
}

func newCachePath(p *program) *cobra.Command {
	var f storeFlags
	c := &cobra.Command{
		Use:   "path [flags]",
		Short: "where the store is",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := f.path()
			if err != nil {
				return err
			}
			return p.answer("", func(w io.Writer) error {
				_, err := fmt.Fprintln(w, dir)
				return err
			})
		},
	}
	f.dir(c)
	return describe(c, manual{
		long:     "Print the store's directory, whether it is there or not.",
		examples: []string{"layers cache path", "du -sh \"$(layers cache path)\""},
		exits:    []int{exitHost},
	})
}

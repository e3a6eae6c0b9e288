package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/inspect/fleet"
)

func newCacheDf(p *program) *cobra.Command {
	var f settings
	c := &cobra.Command{
		Use:   "df [flags]",
		Short: "what the store's disk is used for",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.inStore(f, func(s *session) error {
				d, _, err := s.disk(cmd.Context())
				if err != nil {
					return err
				}
				var kinds []string
				for _, k := range cache.Kinds {
					kinds = append(kinds, string(k))
				}
				return p.report(f.out, fleet.Usage(d, kinds))
			})
		},
	}
	f.out.format(c, formatsList)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	f.store.dir(c)
	return describe(c, manual{
		long: `Say what the store takes on the disk: by kind of file, and by image.

EXCLUSIVE is what goes if the image goes alone, SHARED is what it has in common
with others, PART is its part of the store if what is shared is parted equally.
The kinds add up to what du says of the store, and so do the images' parts with
what no image needs and the store's own files; -f json has both of du's counts.`,
		examples: []string{"layers cache df", "layers cache df -f json", "layers cache df -f '{{bytes .Unneeded.Disk}}'"},
		exits:    []int{exitTemporary, exitHost},
	})
}

// disk is what the store's disk is used for, and by whom: the holders have the numbers
// of those of the inventory.
func (s *session) disk(ctx context.Context) (*fleet.Disk, *cache.Inventory, error) {
	found, err := s.store.Inventory(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range found.Closed {
		s.program.warn(name + " is not weighed: this user cannot look into it")
	}
	d := &fleet.Disk{Dir: found.Dir}
	for _, i := range found.Items {
		d.Items = append(d.Items, fleet.DiskItem{Kind: string(i.Kind), Weight: weightOf(i.Weight), Swept: i.Swept})
	}
	for _, h := range found.Holders {
		at := fleet.DiskHolder{Used: h.Used, Items: h.Items}
		if h.Images != nil {
			at.Digest = h.Digest.String()
		}
		if h.Other {
			at.Keep = "it is no image of layers"
		}
		for _, st := range h.Images {
			if name := source.Short(st.Name); name != "" && !slices.Contains(at.Names, name) {
				at.Names = append(at.Names, name)
			}
		}
		if platforms := platformsOf(h.Images); len(platforms) == 1 {
			at.Platform = platforms[0]
		}
		d.Holders = append(d.Holders, at)
	}
	return d, found, nil
}

func weightOf(w unpack.Weight) fleet.Weight {
	return fleet.Weight{Apparent: w.Apparent, Disk: w.Disk}
}

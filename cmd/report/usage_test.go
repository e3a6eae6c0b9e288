package report

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/inspect/fleet"
)

// stores are the reports on a store of images with hostile names.
func stores() (df *fleet.UsageReport, plan *fleet.PlanReport, bump *fleet.BumpReport) {
	d := storeOf(3)
	d.Holders[0].Names = []string{"\x1b[31mred|`x`\nline", "\u202eb:1"}
	d.Holders[1].Names, d.Holders[1].Platform = nil, "linux/\x1barm64"
	d.Holders[2].Keep = "its name is like <b>|*"
	d.Holders = append(d.Holders, fleet.DiskHolder{Items: []int{1}})
	return fleet.Usage(d, []string{"blobs", "names"}), fleet.Plan(d, fleet.Choose(d, fleet.Policy{Bytes: 10}), fleet.Weight{Apparent: 1, Disk: 2}), bumped(3, d.Holders[0].Names[0])
}

// bumped is a new base for so many images.
func bumped(images int, old string) *fleet.BumpReport {
	layer := func(n int) fleet.Layer {
		return fleet.Layer{Digest: v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", n)}, Content: int64(1_000_003 * n)}
	}
	b := fleet.Bump{Base: fleet.Image{Names: []string{old + "2"}, Digest: layer(1).Digest, Layers: []fleet.Layer{layer(2), layer(3)}}}
	for n := range images {
		b.Images = append(b.Images, fleet.Image{Digest: layer(100 + n).Digest, Layers: []fleet.Layer{layer(4), layer(1000 + n)}})
		b.Moved = append(b.Moved, fleet.Moved{Image: n, Old: old, Below: 1})
	}
	return b.Report()
}

// storeOf is a store of so many images, of which each has a layer of its own and one that
// it shares with the next.
func storeOf(images int) *fleet.Disk {
	d := &fleet.Disk{Dir: "/var/lib/layers", Items: []fleet.DiskItem{{Kind: "names", Weight: fleet.Weight{Apparent: 300, Disk: 4096}}}}
	for n := range images {
		d.Items = append(d.Items,
			fleet.DiskItem{Kind: "blobs", Weight: fleet.Weight{Apparent: int64(1000 * n), Disk: int64(4096 * n)}, Swept: true},
			fleet.DiskItem{Kind: "blobs", Weight: fleet.Weight{Apparent: 70_000_000, Disk: 70_004_736}, Swept: true})
		d.Holders = append(d.Holders, fleet.DiskHolder{
			Names:  []string{fmt.Sprintf("registry.example.com/platform/services/backend-%d:2026.11.%d", n, n)},
			Digest: fmt.Sprintf("sha256:%064x", n+1), Platform: []string{"linux/amd64", "linux/arm64/v8"}[n%2], Used: now.AddDate(0, 0, -n), Items: []int{2*n + 1, 2*n + 2, max(2*n, 1)},
		})
	}
	d.Items = append(d.Items, fleet.DiskItem{Kind: "blobs", Weight: fleet.Weight{Apparent: 5, Disk: 4096}, Swept: true})
	return d
}

// The tables of a store fit a terminal, with few images and with many.
func TestStoresFitTheTerminal(t *testing.T) {
	for _, images := range []int{0, 1, 5, 500} {
		d := storeOf(images)
		choice := fleet.Choose(d, fleet.Policy{Bytes: 35_000_000 * int64(images), Since: now.AddDate(0, 0, -2)})
		for name, r := range map[string]any{
			"df":   fleet.Usage(d, []string{"blobs", "names"}),
			"plan": fleet.Plan(d, choice, fleet.Weight{Apparent: 1, Disk: 2}),
			"bump": bumped(images, "registry.example.com/platform/base/images/debian:bookworm-20260101-slim"),
		} {
			text := write(t, r, Options{Width: 80, Now: now})
			for line := range strings.Lines(text) {
				if Width(strings.TrimRight(line, "\n")) > 80 {
					t.Errorf("%s of %d images: %q is too wide", name, images, line)
				}
			}
			if images == 500 && name == "plan" && !strings.Contains(text, " more\n") {
				t.Errorf("the plan of many images: %s", text)
			}
		}
	}
}

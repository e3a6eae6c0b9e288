package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layers/layers/fixtures"
)

// demoPort is where the demo's registry answers, if nobody else does.
const demoPort = 50000

// demoStep is a command of the demo. IMAGE: in an argument stands for the registry.
type demoStep struct {
	say  string
	args []string
}

var demoSteps = []demoStep{
	{
		"Pull an application and its base. Layers go into a store; each is read once.",
		[]string{"pull", "IMAGE:base:12", "IMAGE:shop:1"},
	},
	{
		`What is it made of? One line a layer, with the build step that made it. CONTENT
is what a pull moves, UNPACKED what the layer's files have. Below: bytes that a
later layer overwrites or deletes, and that still travel with every pull.`,
		[]string{"inspect", "--limit", "3", "IMAGE:shop:1"},
	},
	{
		`Which files are that? The package lists were deleted one step too late, chmod -R
made a second copy of everything, and model.bin was written three times.`,
		[]string{"inspect", "--reclaimable", "--limit", "6", "IMAGE:shop:1"},
	},
	{
		"Why is this file there, and what became of its copies?",
		[]string{"why", "IMAGE:shop:1", "/srv/shop/model.bin"},
	},
	{
		"What does the chmod layer hold? The biggest entries, and what they hide.",
		[]string{"inspect", "--layer", "5", "--limit", "5", "IMAGE:shop:1"},
	},
	{
		"The image's files can be listed and read without unpacking anything.",
		[]string{"ls", "-l", "IMAGE:shop:1", "/srv/shop"},
	},
	{
		"One of them, read from the layer that carries it.",
		[]string{"cat", "IMAGE:shop:1", "/etc/os-release"},
	},
	{
		`The next version cleans up in the step that makes the dirt, and copies with the
right mode. What changed, because of what, and what must a host fetch for it?`,
		[]string{"diff", "IMAGE:shop:1", "IMAGE:shop:2"},
	},
	{
		"And what is that one made of? Only what is new was pulled.",
		[]string{"inspect", "IMAGE:shop:2"},
	},
	{
		"What is in the store now, and what do the images share?",
		[]string{"images"},
	},
}

func newDemo(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "a walk through layers, on images made for it",
		Args:  arguments(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context()) },
	}
	return describe(c, manual{
		long: `Make a small family of images in memory, serve them by a registry on 127.0.0.1,
and walk through the commands with them. It needs no network and no root, and
leaves nothing behind.`,
		examples: []string{"layers demo"},
		exits:    []int{exitHost},
	})
}

func (p *program) demo(ctx context.Context) (err error) {
	registry, err := fixtures.NewRegistry(demoPort)
	if err != nil {
		return err
	}
	defer registry.Close()
	for _, n := range fixtures.Demo() {
		if err := registry.Push(n.Name, n.Image); err != nil {
			return err
		}
	}
	store, err := os.MkdirTemp("", "layers-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for the demo's store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(store)) }()

	intro := `Three small images were made in memory, and a registry on this machine serves
them. Nothing here needs a network, and nothing is left behind.
`
	if err := p.tell(intro); err != nil {
		return err
	}
	for _, step := range demoSteps {
		if err := p.demoStep(ctx, step, registry, store); err != nil {
			return err
		}
	}
	return p.tell("\nThat was all. Now with an image of yours:  layers inspect python:3.10\n")
}

// demoStep shows a command as one would type it, and runs it on the demo's store.
func (p *program) demoStep(ctx context.Context, step demoStep, registry *fixtures.Registry, store string) error {
	args := make([]string, len(step.args))
	for i, a := range step.args {
		args[i] = a
		if name, ok := strings.CutPrefix(a, "IMAGE:"); ok {
			args[i] = registry.Ref(name)
		}
	}
	if err := p.tell(fmt.Sprintf("\n%s\n\n$ layers %s\n", step.say, strings.Join(args, " "))); err != nil {
		return err
	}
	sub := *p
	sub.progress = nil
	defer func() {
		if sub.progress != nil {
			sub.progress.Close()
		}
	}()
	return sub.run(ctx, append(args, "--store", store))
}

// tell writes to stdout at once, so that it stands before what comes after it.
func (p *program) tell(text string) error {
	return p.answer("", func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

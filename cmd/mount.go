package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

type mountFlags struct {
	settings
	layer, only int
	link        cache.LinkMode
	// ownDevices says that no device of the image is missed.
	ownDevices bool
}

// mountReport is the answer of layers mount IMAGE DIR and of layers umount.
type mountReport struct {
	Version string `json:"version"`
	Image   string `json:"image"`
	Digest  string `json:"digest"`
	Dir     string `json:"dir"`
}

// mountsReport is the answer of layers mount alone.
type mountsReport struct {
	Version string     `json:"version"`
	Mounts  []mountRow `json:"mounts"`
}

type mountRow struct {
	// Dir is empty if the image is mounted in other mount namespaces only.
	Dir       string `json:"dir,omitempty"`
	MountedOn string `json:"mountedOn"` // in the namespace of who mounted it
	Image     string `json:"image"`
	Digest    string `json:"digest"`
	Layers    int    `json:"layers"`
	OnlyLayer int    `json:"onlyLayer,omitempty"`
	Since     string `json:"since"` // RFC 3339

	since cache.Mounted
}

func newMount(p *program) *cobra.Command {
	var f mountFlags
	c := &cobra.Command{
		Use:               "mount [IMAGE [DIR]] [flags] [-- COMMAND...]",
		Short:             "an image on a directory, read-only; the list of what is mounted",
		Args:              mountArguments,
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			var command []string
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, command = args[:dash], args[dash:]
			}
			switch {
			case len(args) == 0:
				return p.inStore(f.settings, func(s *session) error { return s.mounts(cmd.Context(), f.out) })
			case len(command) > 0:
				return p.mountFor(cmd.Context(), args, command, f)
			}
			return p.mount(cmd.Context(), args[0], args[1], f)
		},
	}
	flags := c.Flags()
	flags.IntVar(&f.layer, "layer", 0, "the image as of layer `N` (from 1)")
	flags.IntVar(&f.only, "only-layer", 0, "what layer `N` holds, and nothing else: what it deletes is a device 0, 0")
	addLink(c, &f.link)
	f.out.format(c, formatsValue)
	f.out.quiet(c, "say nothing; of a list, only the directories")
	f.addImage(c)
	return describe(c, manual{
		long: `Mount an image read-only on a directory that is there, with overlayfs over the
store's snapshots, which are made when they are missing; layers umount takes it
away. Without arguments, list the images that are mounted.

With -- COMMAND, mount it for the command alone, in a mount namespace of its
own, and run that in the image's root directory, or, if DIR is given, where you
are. LAYERS_ROOT names the directory. That needs no root: a mount that others
see does, since one that an ordinary user makes ends with its user namespace.
With subordinate ids, files have their owners there, and the command is root.`,
		examples: []string{
			"layers mount python:3.10 /mnt",
			"layers mount --layer 1 python:3.10 /mnt",
			"layers mount python:3.10 -- du -xsh usr",
			"layers mount",
		},
		exits: append([]int{exitNo}, imageExits...),
	})
}

// mountArguments are none, an image with a directory, or an image with a command.
func mountArguments(c *cobra.Command, args []string) error {
	dash := c.ArgsLenAtDash()
	switch {
	case dash < 0 && len(args) == 0:
		return nil
	case dash < 0:
		return arguments(2, 2)(c, args)
	case dash == len(args):
		return &usageError{text: "mount: the command after -- is missing", hint: c.UseLine()}
	}
	return arguments(1, 2)(c, args[:dash])
}

func newUmount(p *program) *cobra.Command {
	var f settings
	c := &cobra.Command{
		Use:     "umount DIR [flags]",
		Aliases: []string{"unmount"},
		Short:   "take an image away from a directory",
		Args:    arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inStore(f, func(s *session) error { return s.umount(cmd.Context(), args[0], f.out) })
		},
	}
	f.out.format(c, formatsValue)
	f.out.quiet(c, "say nothing")
	f.store.dir(c)
	return describe(c, manual{
		long: `Take away what layers mount has mounted on a directory. While a process still
uses it, it stays, and the process is named.`,
		examples: []string{"layers umount /mnt"},
		exits:    []int{exitNotFound, exitTemporary, exitHost},
	})
}

// layersOf says which layers a mount shows: up to a number, or one alone.
func (f *mountFlags) layersOf(img *image) (upTo int, err error) {
	layers, err := img.Layers()
	if err != nil {
		return 0, err
	}
	if f.layer != 0 && f.only != 0 {
		return 0, &usageError{text: "--layer and --only-layer exclude each other"}
	}
	upTo = max(f.layer, f.only)
	if upTo == 0 {
		upTo = len(layers)
	}
	if min(f.layer, f.only) < 0 || upTo > len(layers) || upTo == 0 {
		return 0, &inspect.NoLayerError{Image: img.name, Number: f.layer + f.only, Layers: len(layers)}
	}
	return upTo, nil
}

// snapshots makes the directories that a mount shows, bottom first.
func (s *session) snapshots(ctx context.Context, img *image, f *mountFlags, o cache.SnapshotOptions) (*cache.Snapshots, cache.Mounted, error) {
	upTo, err := f.layersOf(img)
	if err != nil {
		return nil, cache.Mounted{}, err
	}
	m := cache.Mounted{Image: img.name, Digest: img.digest, Layers: upTo, Only: f.only}
	o.Display, o.Layers, o.Link = img.name, upTo, f.link
	found, err := s.store.Snapshots(ctx, img, o)
	if err != nil {
		return nil, m, err
	}
	if err := s.letGo(); err != nil { // a mount needs the directories and no blob
		return nil, m, errors.Join(err, found.Release())
	}
	if f.only > 0 {
		found.Dirs, found.Losses = found.Dirs[f.only-1:f.only], found.Losses[f.only-1:f.only]
	}
	s.warnLosses(found, &o, f)
	return found, m, nil
}

// warnLosses says what snapshots could not keep of an image.
func (s *session) warnLosses(found *cache.Snapshots, o *cache.SnapshotOptions, f *mountFlags) {
	s.program.progress.Clear()
	byChoice := o.Rootless && o.IDs == "" // all files are one user's
	for _, losses := range found.Losses {
		for _, l := range losses {
			if l.What == "owner" && byChoice || l.What == "device" && f.ownDevices {
				continue
			}
			s.program.warn(lossLine(l))
		}
	}
}

// findToMount finds an image that is to be mounted: where it has to be pulled, it is
// unpacked in the same pass.
func (s *session) findToMount(ctx context.Context, name string, f *mountFlags, o cache.SnapshotOptions) (*image, error) {
	o.Layers, o.Link = max(f.layer, f.only, 0), f.link
	s.unpack = &o
	return s.find(ctx, name)
}

func (s *session) mounts(ctx context.Context, out outputFlags) error {
	all, err := s.store.Mounts(ctx)
	if err != nil {
		return err
	}
	r := mountsReport{Version: "layers.mounts/v1", Mounts: []mountRow{}}
	for _, m := range all {
		r.Mounts = append(r.Mounts, mountRows(m)...)
	}
	if out.Quiet {
		var dirs []string
		for _, row := range r.Mounts {
			if row.Dir != "" {
				dirs = append(dirs, row.Dir)
			}
		}
		return s.program.lines(out, dirs)
	}
	return render(s.program, out, r, s.program.writeMounts)
}

// mountRows is a row for each directory that an image can be seen on.
func mountRows(m cache.Mounted) (rows []mountRow) {
	row := mountRow{
		MountedOn: m.Asked, Image: source.Short(m.Image), Digest: m.Digest.String(),
		Layers: m.Layers, OnlyLayer: m.Only, Since: m.Since.Format("2006-01-02T15:04:05Z07:00"), since: m,
	}
	for _, row.Dir = range m.Dirs {
		rows = append(rows, row)
	}
	if len(m.Dirs) == 0 {
		rows = append(rows, row)
	}
	return rows
}

func (p *program) writeMounts(w io.Writer, r mountsReport) error {
	if len(r.Mounts) == 0 {
		_, err := fmt.Fprintln(w, "nothing is mounted")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	line, written := liner(t)
	line("DIR\tIMAGE\tLAYERS\tMOUNTED")
	for _, row := range r.Mounts {
		dir := term.Escape(row.Dir)
		if row.Dir == "" {
			dir = term.Escape(row.MountedOn) + " (in another mount namespace)"
		}
		line("%s\t%s\t%s\t%s", dir, term.Escape(row.Image), layersText(row), report.Age(&row.since.Since, p.now()))
	}
	if err := written(); err != nil {
		return err
	}
	return t.Flush()
}

func layersText(row mountRow) string {
	if row.OnlyLayer > 0 {
		return "only " + strconv.Itoa(row.OnlyLayer)
	}
	return "1 to " + strconv.Itoa(row.Layers)
}

// mounted answers for mount and umount.
func (p *program) mounted(out outputFlags, r mountReport, sentence string) error {
	return render(p, out, r, func(w io.Writer, r mountReport) error {
		if out.Quiet {
			return nil
		}
		_, err := fmt.Fprintf(w, sentence+"\n", term.Escape(r.Image), term.Escape(r.Dir))
		return err
	})
}

// rootlessAdvice says to an ordinary user how an image can be mounted.
func rootlessAdvice(args []string) error {
	return &advised{
		err: &hostError{text: "only root can mount an image where others see it: a mount made in a user namespace ends with it"},
		hint: fmt.Sprintf("layers mount %s -- COMMAND mounts it for a command; sudo layers mount %s for all",
			args[0], strings.Join(args, " ")),
	}
}

// hostError says what this host, or this user on it, cannot do.
type hostError struct{ text string }

// Error says it.
func (e *hostError) Error() string { return e.text }

// commandExit carries the exit code of a command that was run for the user, who has
// seen what it had to say.
type commandExit struct{ code int }

// Error is for logs: users never see it.
func (e *commandExit) Error() string { return "exit code " + strconv.Itoa(e.code) }

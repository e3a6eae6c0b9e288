package cmd

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect/fleet"
)

// explanation is what a shell was measured to be.
type explanation struct {
	Kernel  unix.Utsname
	Outside map[string]string // this process's namespaces
	Started shell.Started
	Layers  int
	Limits  cgroup.Limits
	Group   string // what kind of control groups limits it, "" if none of its own
	CPUs    int
	Memory  int64 // of the host, in bytes
	Sharing sharing
	Began   time.Time // the program
	Found   time.Time // the image's layers were
}

// explain measures a shell that has started.
func (s *session) explain(ctx context.Context, img *image, layers int, started shell.Started, group *cgroup.Group) (e explanation, err error) {
	e = explanation{Started: started, Layers: layers, CPUs: runtime.NumCPU(), Began: s.program.began}
	if err := unix.Uname(&e.Kernel); err != nil {
		return e, err
	}
	if e.Outside, err = shell.Namespaces(); err != nil {
		return e, err
	}
	if e.Limits, err = cgroup.Effective(group); err != nil {
		return e, err
	}
	if group != nil {
		e.Group = group.Describe()
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return e, err
	}
	e.Memory = int64(info.Totalram) * int64(info.Unit)
	e.Sharing, err = s.sharing(ctx, img, layers)
	return e, err
}

// sharing says how much of an image other images have, too, in unpacked bytes.
type sharing struct {
	Shared, Exclusive int64
	Others            int // images that share anything
}

// sharing says what of an image's lowest layers other images of the store have.
func (s *session) sharing(ctx context.Context, img *image, layers int) (none sharing, err error) {
	found, free, err := s.layers(ctx, img)
	if err != nil {
		return none, err
	}
	defer free()
	own := fleet.Image{Digest: img.digest}
	for _, l := range found[:layers] {
		own.Layers = append(own.Layers, fleet.Layer{DiffID: l.TOC.DiffID(), Unpacked: l.TOC.Totals().Unpacked})
	}
	var set fleet.Set
	id := set.Add(own)
	all, err := s.store.Images(ctx)
	if err != nil {
		return none, err
	}
	for _, st := range all {
		ids, err := s.diffIDs(ctx, st)
		if err != nil {
			continue // a damaged image has nothing to share; cache verify tells of it
		}
		other := fleet.Image{Digest: st.Digest}
		for _, diffID := range ids {
			other.Layers = append(other.Layers, fleet.Layer{DiffID: diffID, Unpacked: fleet.Unknown})
		}
		set.Add(other)
	}
	shared, exclusive := set.Shared(id).Unpacked, set.Exclusive(id).Unpacked
	return sharing{Shared: *shared, Exclusive: *exclusive, Others: set.Others(id)}, nil
}

// write writes what was measured: on the left what it is about.
func (e *explanation) write(w io.Writer, units string) error {
	line, written := liner(w)
	for _, row := range []struct{ about, text string }{
		{"kernel", e.kernel()},
		{"namespaces", e.namespaces()},
		{"root", e.root()},
		{"sees", e.sees()},
		{"runs as", e.identity()},
		{"limits", e.limits(units)},
		{"image", e.image(units)},
		{"start", e.start()},
	} {
		for i, part := range term.Wrap(row.text, explainWidth) {
			if i > 0 {
				row.about = ""
			}
			line("%-11s %s", row.about, term.Escape(part))
		}
	}
	return written()
}

// explainWidth is what is left of 80 columns.
const explainWidth = 68

func (e *explanation) kernel() string {
	text := func(field []byte) string { return unix.ByteSliceToString(field) }
	return fmt.Sprintf("%s %s %s: the host's, which is the only one",
		text(e.Kernel.Sysname[:]), text(e.Kernel.Release[:]), text(e.Kernel.Machine[:]))
}

func (e *explanation) namespaces() string {
	var own, shared []string
	for _, kind := range slices.Sorted(maps.Keys(e.Started.Seen.Namespaces)) {
		if e.Started.Seen.Namespaces[kind] == e.Outside[kind] {
			shared = append(shared, kind)
		} else {
			own = append(own, kind)
		}
	}
	if len(shared) == 0 {
		return "its own: " + strings.Join(own, " ")
	}
	return "its own: " + strings.Join(own, " ") + "; the host's: " + strings.Join(shared, " ")
}

func (e *explanation) root() string {
	how := "can be written"
	if e.Started.Seen.ReadOnly {
		how = "read-only"
	}
	return fmt.Sprintf("%s of %s, %s", e.Started.Seen.Root, count(e.Layers, "layer"), how)
}

func (e *explanation) sees() string {
	seen := e.Started.Seen
	network := "no network"
	if len(seen.Interfaces) > 0 {
		network = "the network " + strings.Join(seen.Interfaces, " ")
	}
	return fmt.Sprintf("%d processes, of which the first is its init; %s; %s", seen.Processes, count(seen.Mounts, "mount"), network)
}

func (e *explanation) identity() string {
	seen, user := e.Started.Seen, e.Started.User
	text := fmt.Sprintf("uid %d", user.UID)
	if outside, ok := outsideID(seen.UserMap, user.UID); ok && outside != user.UID {
		text += fmt.Sprintf(", which is %d of the host", outside)
	}
	text += "; " + capabilitiesText(slices.Concat(seen.Capabilities, seen.Reachable))
	if seen.NoNewPrivileges {
		text += "; no way to new privileges"
	}
	if seen.Filtered {
		text += "; system calls are filtered"
	}
	return text
}

// capabilitiesText names capabilities, or those that are missing if these are fewer.
func capabilitiesText(held []string) string {
	all, err := shell.Capabilities([]string{"all"})
	if err != nil || len(held) == 0 {
		return "no capabilities"
	}
	names := func(has bool) []string {
		var list []string
		for _, c := range all {
			if slices.Contains(held, c) == has {
				list = append(list, strings.ToLower(strings.TrimPrefix(c, "CAP_")))
			}
		}
		return list
	}
	missing := names(false)
	switch {
	case len(missing) == 0:
		return "all capabilities"
	case len(missing) < len(all)/2:
		return "all capabilities but " + strings.Join(missing, " ")
	}
	return "capabilities " + strings.Join(names(true), " ")
}

// outsideID is what an id of a user namespace is in the one that it was made in.
func outsideID(lines []string, id uint32) (uint32, bool) {
	for _, line := range lines {
		var first, outside, size uint64
		if _, err := fmt.Sscan(line, &first, &outside, &size); err != nil {
			continue
		}
		if n := uint64(id); n >= first && n-first < size {
			return uint32(outside + n - first), true
		}
	}
	return 0, false
}

func (e *explanation) limits(units string) string {
	memory, cpus, pids := "all of the host's memory, "+bytesText(e.Memory, units), "all of its processors, "+fmt.Sprint(e.CPUs), "any number of processes"
	if l := e.Limits.Memory; l > 0 && l < e.Memory {
		memory = bytesText(l, units) + " of memory"
	}
	if l := e.Limits.CPUs; l > 0 {
		cpus = fmt.Sprintf("the time of %g processors", l)
	}
	if l := e.Limits.Pids; l > 0 {
		pids = fmt.Sprintf("%d processes and threads", l)
	}
	text := strings.Join([]string{memory, cpus, pids}, "; ")
	if e.Group == "" {
		return text + " (no control group of its own)"
	}
	return text + " (" + e.Group + ")"
}

func (e *explanation) image(units string) string {
	s := e.Sharing
	if s.Others == 0 {
		return bytesText(s.Exclusive, units) + " unpacked, of which no other image here has any"
	}
	return fmt.Sprintf("%s unpacked: %s shared with %s here, %s its own",
		bytesText(s.Shared+s.Exclusive, units), bytesText(s.Shared, units), count(s.Others, "other image"), bytesText(s.Exclusive, units))
}

// start says where the time went. The init comes up while the image is looked for: both
// are from the beginning.
func (e *explanation) start() string {
	t := e.Started
	ms := func(from, to time.Time) string { return fmt.Sprintf("%.1f", float64(to.Sub(from).Microseconds())/1000) }
	return fmt.Sprintf("%s ms from the command to its first instruction: %s until its layers were found, beside which its init was up after %s; then %s for its root, %s for the command",
		ms(e.Began, t.At), ms(e.Began, e.Found), ms(e.Began, t.Born), ms(later(e.Found, t.Born), t.Entered), ms(t.Entered, t.At))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

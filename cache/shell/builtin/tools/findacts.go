//go:build linux

package tools

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// print is the action of find.
func (f *finder) print(v *visit) (bool, error) {
	_, err := fmt.Fprintln(f.out, f.shown(v.path))
	return true, err
}

// ls prints all that is known, in the way of find -ls.
func (f *finder) ls(v *visit) (bool, error) {
	st := &v.Stat_t
	size := fmt.Sprint(st.Size)
	if isDevice(st) {
		size = fmt.Sprintf("%3d, %3d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	name := quoted(v.path)
	if isLink(st) {
		to, err := linkTarget(v.dir, v.name)
		if err != nil {
			f.fail(v.path, err)
		}
		name += " -> " + quoted(to)
	}
	_, err := fmt.Fprintf(f.out, "%9d %6d %s %3d %-8s %-8s %8s %s %s\n", st.Ino, (st.Blocks+1)/2, modeText(st.Mode), st.Nlink,
		owner(f.user(st.Uid), st.Uid), owner(f.group(st.Gid), st.Gid), size, f.listed(st.Mtim, f.now), name)
	return true, err
}

// exec reads -exec, up to its end: a semicolon, or {} and a plus sign.
func (p *parser) exec() (test, error) {
	f := p.finder
	f.acts = true
	for i, word := range p.args {
		command := p.args[:i]
		switch {
		case word == ";" && i > 0:
			p.args = p.args[i+1:]
			return f.execEach(command), nil
		case word == "+" && i > 1 && p.args[i-1] == "{}":
			p.args = p.args[i+1:]
			b := &batch{finder: f, command: command[:i-1]}
			f.batches = append(f.batches, b)
			return b.add, nil
		}
	}
	return nil, misused("-exec needs a command and ; or {} +, quoted from the shell")
}

func (f *finder) execEach(command []string) test {
	return func(v *visit) (bool, error) {
		args := slices.Clone(command)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "{}", v.path)
		}
		if err := f.out.Flush(); err != nil {
			return false, err
		}
		return f.Run(f.ctx, args, f.Env) == 0, f.ctx.Err()
	}
}

// batch is a command that is run for many files at once.
type batch struct {
	*finder
	command []string
	files   []string
	size    int
}

// maxBatch is how many bytes of names a command gets, well below what the kernel takes.
const maxBatch = 96 << 10

func (b *batch) add(v *visit) (bool, error) {
	b.files = append(b.files, v.path)
	b.size += len(v.path) + 1
	if b.size < maxBatch {
		return true, nil
	}
	return true, b.run()
}

func (b *batch) run() error {
	if len(b.files) == 0 {
		return nil
	}
	if err := b.out.Flush(); err != nil {
		return err
	}
	if b.Run(b.ctx, slices.Concat(b.command, b.files), b.Env) != 0 {
		b.code = 1
	}
	b.files, b.size = nil, 0
	return b.ctx.Err()
}

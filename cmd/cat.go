package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

type catFlags struct {
	settings
	layer   int
	verbose bool
}

func newCat(p *program) *cobra.Command {
	var f catFlags
	c := &cobra.Command{
		Use:               "cat IMAGE PATH [flags]",
		Short:             "print a file",
		Args:              arguments(2, 2),
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.cat(cmd.Context(), args[0], args[1], f)
		},
	}
	c.Flags().IntVar(&f.layer, "layer", 0, "what layer `N` (from 1) has there, hidden or not")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "say which symbolic links were followed")
	f.out.file(c)
	f.addImage(c)
	return describe(c, manual{
		long: `Print a file of an image. It is read from the layer that carries it, without
unpacking. Symbolic links are followed inside the image.`,
		examples: []string{
			"layers cat python:3.10 /etc/os-release",
			"layers cat --layer 1 python:3.10 /etc/passwd",
			"layers cat -o python3 python:3.10 /usr/local/bin/python3",
		},
		exits: imageExits,
	})
}

func (p *program) cat(ctx context.Context, name, path string, f catFlags) error {
	return p.onImage(ctx, f.settings, name, func(s *session, img *image, in inspect.Input) error {
		find := p.fileOfImage
		if f.layer != 0 {
			find = fileOfLayer
		}
		number, e, err := find(ctx, &in, path, f)
		if err != nil {
			return err
		}
		content, err := s.store.OpenFile(ctx, img, number, e)
		if err != nil {
			return changed(err)
		}
		defer content.Close()
		p.progress.Clear()
		return changed(p.printFile(path, content, f.out.Output))
	})
}

// changed tells a layer that became unreadable from one that was made so.
func changed(err error) error {
	var corrupt *layer.CorruptError
	var refused *layer.RefusedError
	if errors.As(err, &corrupt) || errors.As(err, &refused) {
		return &changedError{err}
	}
	return err
}

// fileOfImage finds the regular file that a process in the image would read.
func (p *program) fileOfImage(ctx context.Context, in *inspect.Input, path string, f catFlags) (int, layer.Entry, error) {
	tree := layer.Squash(tocsOf(in))
	node, hops, err := tree.Resolve(path)
	a := &advised{err: err}
	for _, h := range hops {
		a.detail = append(a.detail, fmt.Sprintf("/%s is a symbolic link to %s", h.Path, h.Target))
	}
	if err != nil {
		return 0, layer.Entry{}, missingPath(ctx, in, tree, path, a)
	}
	if f.verbose {
		for _, line := range a.detail {
			p.say("%s", line)
		}
	}
	return node.Carrier, node.Entry, isFile(in, node.Entry, path, 0)
}

func tocsOf(in *inspect.Input) []*layer.TOC {
	tocs := make([]*layer.TOC, len(in.Layers))
	for i, l := range in.Layers {
		tocs[i] = l.TOC
	}
	return tocs
}

// missingPath says of a path that is not there what may help.
func missingPath(ctx context.Context, in *inspect.Input, tree *layer.Tree, path string, a *advised) error {
	if _, err := inspect.List(ctx, *in, path, inspect.ListOptions{}); err != nil {
		a.err = err // it names the image, the path and what is written alike
	}
	if !errors.Is(a.err, layer.ErrNotExist) {
		return a
	}
	a.hint = "layers ls " + in.Name + " " + parentOf(path)
	return hiddenPath(in.Name, tree, path, a)
}

// hiddenPath adds which layer has a path that the image does not have any more.
func hiddenPath(image string, tree *layer.Tree, path string, a *advised) error {
	versions, err := tree.History(inspect.Clean(path))
	if err != nil {
		return a
	}
	for _, v := range versions {
		if v.Kind != layer.Absent && !v.Implied {
			a.hint = fmt.Sprintf("layer %d has it, and a later one hides it: layers why %s %s", v.Layer+1, image, path)
		}
	}
	return a
}

// parentOf is the directory that a path names something in, as one would type it.
func parentOf(path string) string {
	clean := inspect.Clean(path)
	return "/" + clean[:max(strings.LastIndexByte(clean, '/'), 0)]
}

// fileOfLayer finds the regular file that one layer has at a path, hidden or not.
// No symbolic link is followed.
func fileOfLayer(_ context.Context, in *inspect.Input, path string, f catFlags) (int, layer.Entry, error) {
	n := f.layer
	if n < 1 || n > len(in.Layers) {
		return 0, layer.Entry{}, &inspect.NoLayerError{Image: in.Name, Number: n, Layers: len(in.Layers)}
	}
	clean := inspect.Clean(path)
	e, err := in.Layers[n-1].TOC.Lookup(clean)
	if err == nil && e.Kind == layer.Absent {
		err = fmt.Errorf("the layer removes it: %w", layer.ErrNotExist)
	}
	if err != nil {
		return 0, e, &advised{err: fmt.Errorf("%s: layer %d: %s: %w", in.Name, n, path, err),
			hint: "layers why " + in.Name + " " + path}
	}
	if e.Kind == layer.HardLink { // to a file of a lower layer
		node, err := layer.Squash(tocsOf(in)[:n]).Lookup(clean)
		if err != nil {
			return 0, e, fmt.Errorf("%s: layer %d: %s: a hard link to %s: %w", in.Name, n, path, e.Link, err)
		}
		return node.Carrier, node.Entry, isFile(in, node.Entry, path, n)
	}
	return n - 1, e, isFile(in, e, path, n)
}

func isFile(in *inspect.Input, e layer.Entry, path string, n int) error {
	option := ""
	if n > 0 {
		option = fmt.Sprintf("--layer %d ", n)
	}
	switch {
	case e.Kind == layer.Dir:
		return &usageError{text: fmt.Sprintf("%s: %s is a directory", in.Name, path),
			hint: "layers ls " + option + in.Name + " " + path}
	case inspect.MeansDir(path):
		return notDir(in, path)
	case e.Kind == layer.File:
		return nil
	case e.Kind == layer.Symlink:
		return &usageError{text: fmt.Sprintf("%s: in layer %d %s is a symbolic link to %s", in.Name, n, path, e.Link),
			hint: "layers why " + in.Name + " " + path}
	}
	return &usageError{text: fmt.Sprintf("%s: %s is no regular file, but a %s", in.Name, path, kindWords[e.Kind])}
}

// notDir is the error about a path that is written as a directory's and leads to
// something else.
func notDir(in *inspect.Input, path string) error {
	return &advised{err: &inspect.NotDirError{Image: in.Name, Path: path},
		hint: "layers cat " + in.Name + " /" + inspect.Clean(path)}
}

var kindWords = map[layer.Kind]string{
	layer.Char: "character device", layer.Block: "block device", layer.Fifo: "named pipe",
	layer.Absent: "removed file", layer.HardLink: "hard link",
}

// printFile copies content to stdout or a file; before it sends what is no text to
// a terminal, it asks.
func (p *program) printFile(path string, content io.Reader, file string) error {
	r := bufio.NewReaderSize(content, 64<<10)
	if (file == "" || file == "-") && term.IsTerminal(p.stdout) {
		start, err := r.Peek(8 << 10)
		if err != nil && err != io.EOF {
			return err
		}
		if !isText(start) {
			if err := p.confirmBinary(path); err != nil {
				return err
			}
		}
	}
	return p.answer(file, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// isText reports whether a file's start can be sent to a terminal: UTF-8 without
// control characters but white space.
func isText(start []byte) bool {
	for len(start) > 0 {
		r, n := utf8.DecodeRune(start)
		switch {
		case r == utf8.RuneError && n == 1:
			return !utf8.FullRune(start) // a rune that the peek has cut
		case r < ' ' && !bytes.ContainsRune([]byte("\t\n\r\f"), r), r == 0x7f, r >= 0x80 && r < 0xa0:
			return false
		}
		start = start[n:]
	}
	return true
}

// confirmBinary asks whether a terminal shall get what is no text; where nobody can
// answer, the answer is no.
func (p *program) confirmBinary(path string) error {
	refused := &usageError{text: path + " is no text, and stdout is a terminal", hint: "-o FILE writes it to a file"}
	if !term.IsTerminal(p.stdin) {
		return refused
	}
	fmt.Fprintf(p.stderr, "%s is no text. Print it on this terminal? [y/N] ", term.Escape(path))
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return refused
	}
	return nil
}

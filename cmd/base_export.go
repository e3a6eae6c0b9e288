package cmd

import (
	"errors"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/export"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
)

// exported is a set of images that becomes tables. A nil one becomes none.
type exported struct {
	images  table[export.Image]
	layers  table[export.Layer]
	files   *table[export.File] // nil where no layer is read
	outputs []*output
	told    sync.Mutex           // guards steps
	steps   map[v1.Hash][]string // of each image, of each layer
	totals  map[layer.DiffID]layer.Totals
	err     error // the first of the table of files
}

// table is one that goes to a file.
type table[T any] struct {
	*export.Table[T]
	to *output
}

// tableSuffix is how the name given with --export ends.
const tableSuffix = ".parquet"

// exportLong is what the manual says of --export.
const exportLong = `

With --export fleet.parquet, three files are written, for DuckDB and others that
speak SQL: fleet.images.parquet with a row for each image, fleet.layers.parquet
for each layer of an image, fleet.files.parquet for each file of each distinct
layer; not this one with --remote. They appear when all are complete. Bytes are
integers; NULL is what is not known. One image is then shown as a tree, too.`

// newExported opens the files, before anything is fetched for them.
func (p *program) newExported(path string, remote bool) (e *exported, err error) {
	if path == "" {
		return nil, nil
	}
	e = &exported{steps: map[v1.Hash][]string{}, totals: map[layer.DiffID]layer.Totals{}}
	if e.images, err = openTable[export.Image](p, e, path, "images"); err != nil {
		return nil, err
	}
	if e.layers, err = openTable[export.Layer](p, e, path, "layers"); err != nil || remote {
		return e, err
	}
	files, err := openTable[export.File](p, e, path, "files")
	e.files = &files
	return e, err
}

// openTable opens the file of one table. If it cannot, those before are left as they were.
func openTable[T any](p *program, e *exported, path, name string) (t table[T], err error) {
	if t.to, err = p.openOutput(strings.TrimSuffix(path, tableSuffix) + "." + name + tableSuffix); err != nil {
		e.abort()
		return t, err
	}
	e.outputs = append(e.outputs, t.to)
	t.Table = export.NewTable[T](t.to)
	return t, nil
}

// abort leaves nothing behind of tables that are not complete.
func (e *exported) abort() {
	if e == nil {
		return
	}
	for _, o := range e.outputs {
		o.abort()
	}
	e.outputs = nil
}

// learn takes what an image's configuration says of its layers. It may be called side by
// side.
func (e *exported) learn(img *image) error {
	if e == nil {
		return nil
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	steps := []string{}
	for _, step := range inspect.ReadHistory(config.History, len(config.RootFS.DiffIDs)).Layers {
		by := ""
		if step != nil {
			by = step.CreatedBy
		}
		steps = append(steps, by)
	}
	e.told.Lock()
	defer e.told.Unlock()
	e.steps[img.digest] = steps
	return nil
}

// read takes a layer's files, once. That they cannot be written keeps no image from being
// shown.
func (e *exported) read(t *layer.TOC) {
	if e == nil || e.err != nil {
		return
	}
	e.totals[t.DiffID()] = t.Totals()
	if e.files != nil {
		rows := export.Entries{Table: e.files.Table}
		if err := rows.Add(t); err != nil {
			e.err = &outputError{e.files.to.path, pathCause(err)}
		}
	}
}

// write completes the tables, or leaves none, and says what they are.
func (e *exported) write(p *program, set *fleet.Set, r *fleet.Report) error {
	if e == nil {
		return nil
	}
	defer e.abort()
	images := export.Images(r)
	if err := errors.Join(e.writeImages(images), e.writeLayers(set, images), e.writeFiles()); err != nil {
		return err
	}
	for len(e.outputs) > 0 {
		o := e.outputs[0]
		e.outputs = e.outputs[1:]
		if err := o.Close(); err != nil {
			return err
		}
		p.say("wrote %s", o.path)
	}
	return nil
}

// writeImages leaves it to complete to say what went wrong, as writeLayers does.
func (e *exported) writeImages(images []export.Image) error {
	for _, row := range images {
		e.images.Add(row)
	}
	return e.images.complete()
}

func (e *exported) writeLayers(set *fleet.Set, images []export.Image) error {
	numbers := map[string]int{}
	for image := range set.Len() {
		numbers[set.Digest(image).String()] = image
	}
	for _, of := range images {
		image := numbers[of.Digest]
		for _, row := range export.Layers(of.Digest, set.Layers(image), e.steps[set.Digest(image)], e.totals) {
			e.layers.Add(row)
		}
	}
	return e.layers.complete()
}

func (e *exported) writeFiles() error {
	if e.files == nil || e.err != nil {
		return e.err
	}
	return e.files.complete()
}

// complete hands all of the table to the system.
func (t *table[T]) complete() error {
	err := t.Table.Close()
	if err == nil {
		err = t.to.Flush()
	}
	if err != nil {
		return &outputError{t.to.path, pathCause(err)}
	}
	return nil
}

package export

import "github.com/layers/layers/cache/layer"

// File is a row of the table of files: an entry of a distinct layer, as layer.Entry has
// it. Columns that mean nothing for an entry are null.
type File struct {
	DiffID    string  `parquet:"diff_id,dict"`
	Path      string  `parquet:"path"` // "" is the root
	PathBytes *[]byte `parquet:"path_bytes,optional"`
	Kind      string  `parquet:"kind,dict"`           // "file", "dir", "symlink" …; "absent" of what only hides lower layers' files
	Hides     *string `parquet:"hides,optional,dict"` // "all" of a whiteout, "children" of an opaque directory
	Implied   bool    `parquet:"implied"`             // a directory that is only a parent of others
	Mode      *int32  `parquet:"mode,optional"`
	UID       *int64  `parquet:"uid,optional"`
	GID       *int64  `parquet:"gid,optional"`
	Size      *int64  `parquet:"size,optional"` // of regular files
	// Unpacked is what the entry adds to the layer's unpacked bytes: the size, but 0 for a
	// file that has come under another name.
	Unpacked  int64   `parquet:"unpacked"`
	MTime     *int64  `parquet:"mtime,optional"`      // seconds since 1970
	MTimeNsec *int32  `parquet:"mtime_nsec,optional"` // and nanoseconds
	Link      *string `parquet:"link,optional"`       // target of a symbolic link, or of a hard link to a lower layer's file
	LinkBytes *[]byte `parquet:"link_bytes,optional"`
	Digest    *string `parquet:"digest,optional"`     // of a regular file's content
	LinkGroup *int64  `parquet:"link_group,optional"` // equal in a layer for all names of one file
	Links     int64   `parquet:"links"`               // how many names it has there
}

// Entries writes tables of contents as rows of files.
type Entries struct {
	Table *Table[File]
}

// Add adds all entries of a layer, in the order of its table of contents. An error leaves
// a part of them in the table.
func (e *Entries) Add(t *layer.TOC) error {
	id, seen := text(t.DiffID().String()), map[uint32]bool{}
	for entry, err := range t.Entries("") {
		if err != nil {
			return err
		}
		row := fileOf(id, &entry)
		if entry.Kind == layer.File && !seen[entry.Group] {
			row.Unpacked = entry.Size
			seen[entry.Group] = entry.Group > 0
		}
		if err := e.Table.Add(row); err != nil {
			return err
		}
	}
	return nil
}

var hides = map[layer.Hides]string{layer.HidesChildren: "children", layer.HidesAll: "all"}

func fileOf(id string, e *layer.Entry) File {
	row := File{
		DiffID: id, Path: text(e.Path), PathBytes: exact(e.Path), Kind: e.Kind.String(), Hides: given(hides[e.Hides]),
		Implied: e.Implied, Links: int64(max(e.Links, 1)), LinkGroup: given(int64(e.Group)),
	}
	if e.Kind == layer.Absent {
		row.Links = 0
		return row
	}
	if !e.Implied {
		mode, uid, gid, mtime := int32(e.Mode), int64(e.UID), int64(e.GID), e.ModTime
		row.Mode, row.UID, row.GID, row.MTime, row.MTimeNsec = &mode, &uid, &gid, &mtime.Sec, &mtime.Nsec
	}
	switch e.Kind {
	case layer.File:
		size := e.Size
		row.Size, row.Digest = &size, given(e.Digest.String())
	case layer.Symlink, layer.HardLink:
		link := text(e.Link)
		row.Link, row.LinkBytes = &link, exact(e.Link)
	}
	return row
}

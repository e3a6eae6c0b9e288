package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// derived checks the derived files that no good blob of a named image was there to
// compare with: they have checksums of their own.
func (v *verifier) derived(ctx context.Context) error {
	for _, kind := range []struct {
		dir   string
		check func(path, name string) error
	}{{tocDir, checkTOC}, {extentsDir, checkExtents}, {keptDir, checkKept}, {memoDir, checkMemo}} {
		found, err := os.ReadDir(v.store.path(kind.dir))
		if err != nil {
			return err
		}
		for _, e := range found {
			if err := ctx.Err(); err != nil {
				return err
			}
			name := path.Join(kind.dir, e.Name())
			switch {
			case !isHex64(e.Name()) || !e.Type().IsRegular():
				v.foundStray(name)
			case !v.checked[name]:
				v.derivedFound(name, kind.check(v.store.path(name), e.Name()), nil)
			}
		}
	}
	return nil
}

func (v *verifier) derivedFound(name string, err error, p *part) {
	var size int64
	fi, statErr := os.Lstat(v.store.path(name))
	if errors.Is(err, fs.ErrNotExist) && statErr != nil {
		return // swept meanwhile
	}
	if statErr == nil {
		size = fi.Size()
	}
	v.count(0, 1, size)
	if err == nil {
		return
	}
	f := &fault{part: p, Damage: Damage{Path: name, What: err.Error()}}
	if p != nil {
		f.Images = titles(v.roles[p.digest].users)
	}
	v.found(f)
}

func checkTOC(path, name string) error {
	t, err := layer.OpenTOC(path)
	if err != nil {
		return err
	}
	err = t.Verify()
	if err == nil && t.DiffID().Hex != name {
		err = &layer.MismatchError{What: "diffid", Want: name, Got: t.DiffID().Hex}
	}
	return errors.Join(err, t.Close())
}

func checkExtents(path, _ string) error {
	x, err := layer.OpenExtents(path)
	if err != nil {
		return err
	}
	return coversBlob(x, x.Size())
}

func checkKept(path, _ string) error {
	k, err := layer.OpenKept(path)
	if err != nil {
		return err
	}
	return k.Close()
}

func checkMemo(path, name string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	key, _, err := parseMemo(file)
	if sum := sha256.Sum256([]byte(key)); err == nil && hex.EncodeToString(sum[:]) != name {
		err = errors.New("its key has another name")
	}
	return err
}

// known are the names that a store may have in its directory.
var known = []string{
	layoutFile, indexFile, versionFile, "blobs", ingestDir, "toc", "extents", "kept", "memo", "used",
	leaseDir, lockDir, scratchDir, quarantineDir, snapshotsDir, mountsDir, trashDir, "lost+found",
}

// strays looks for files that no store has. Later formats of derived files, blobs
// of other algorithms, and what is quarantined are none.
func (v *verifier) strays(context.Context) error {
	if err := v.stray(".", func(name string) bool {
		return slices.Contains(known, name) || strings.HasPrefix(name, initPrefix)
	}); err != nil {
		return err
	}
	if err := v.stray(ingestDir, isHex64); err != nil {
		return err
	}
	for _, dir := range []string{tocDir, extentsDir, keptDir, memoDir, usedDir} {
		if err := v.stray(path.Dir(dir), isVersion); err != nil {
			return err
		}
	}
	return nil
}

func isVersion(name string) bool {
	digits, ok := strings.CutPrefix(name, "v")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

func (v *verifier) stray(dir string, belongs func(string) bool) error {
	found, err := os.ReadDir(v.store.path(dir))
	if err != nil {
		return err
	}
	for _, e := range found {
		if !belongs(e.Name()) {
			v.foundStray(path.Join(dir, e.Name()))
		}
	}
	return nil
}

func (v *verifier) foundStray(name string) {
	v.found(&fault{kind: strayFile, Damage: Damage{Path: name, What: "stray file"}})
}

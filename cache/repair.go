package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// mend repairs what can be repaired: damaged blobs and stray files go to quarantine,
// images that lack blobs are fetched again, what is derived is rebuilt from good blobs,
// and so are snapshots, last.
func (v *verifier) mend(ctx context.Context) error {
	if !v.repair.Repair {
		return nil
	}
	for _, f := range v.faults {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case f.kind == malformed, f.snapshot != "":
		case f.kind == strayFile:
			v.moveAway(f)
		case f.blob != (v1.Hash{}):
			v.isolate(ctx, f)
		case f.part != nil:
			f.outcome("rebuilt", v.rebuild(ctx, f.part))
		default:
			f.outcome("removed", ignoreGone(os.Remove(v.store.path(f.Path))))
		}
	}
	tried := map[v1.Hash]bool{}
	for _, f := range v.faults {
		if f.blob == (v1.Hash{}) || v.roles[f.blob] == nil {
			continue
		}
		for _, st := range v.roles[f.blob].users {
			if f.Repaired != fetchedAgain && !tried[st.Digest] {
				tried[st.Digest] = true
				v.fetched(st, v.fetch(ctx, st))
			}
		}
	}
	for _, f := range v.faults {
		if f.snapshot != "" && ctx.Err() == nil {
			v.remake(ctx, f)
		}
	}
	return ctx.Err()
}

const fetchedAgain = "fetched again"

func (f *fault) outcome(done string, err error) {
	if err != nil {
		f.Error = err.Error()
		return
	}
	f.Repaired = done
}

// isolate moves a damaged blob away, unless somebody has put it right meanwhile.
func (v *verifier) isolate(ctx context.Context, f *fault) {
	l, err := v.store.lock(ctx, layerLock(f.blob), exclusive)
	if err != nil {
		f.outcome("", err)
		return
	}
	defer l.unlock()
	file, err := os.Open(v.store.blobPath(f.blob))
	if err != nil {
		return // it is missing
	}
	err = hashed(&untilDone{ctx, file}, f.blob)
	_ = file.Close() // read only
	if err == nil || ctx.Err() != nil {
		return
	}
	_, err = v.store.quarantine(f.blob)
	f.outcome("quarantined", err)
}

// moveAway moves a stray file, or a directory, to quarantine, below the path that it
// had. Each run has a directory of its own there, so that nothing is overwritten.
func (v *verifier) moveAway(f *fault) {
	to, err := v.strayHome()
	if err == nil {
		to = path.Join(to, f.Path)
		err = os.MkdirAll(path.Dir(v.store.path(to)), 0o700)
	}
	if err == nil {
		err = os.Rename(v.store.path(f.Path), v.store.path(to))
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.outcome("removed", nil) // by somebody else, meanwhile
		return
	}
	f.outcome("moved to "+to, v.store.writing(err))
}

func (v *verifier) strayHome() (string, error) {
	if v.home == "" {
		dir, err := os.MkdirTemp(v.store.path(quarantineDir), "strays-*")
		if err != nil {
			return "", err
		}
		v.home = path.Join(quarantineDir, filepath.Base(dir))
	}
	return v.home, nil
}

// rebuild makes what is derived from a layer again.
func (v *verifier) rebuild(ctx context.Context, p *part) error {
	pass, release, err := v.store.claim(ctx, p.digest)
	if err != nil {
		return err
	}
	defer release()
	l, err := v.store.readInto(ctx, pass, p, v.store.ScratchDir(), true)
	if err != nil {
		return v.store.writing(err)
	}
	return l.Close()
}

// fetch brings an image again, by its digest.
func (v *verifier) fetch(ctx context.Context, st Stored) error {
	if v.repair.Fetch == nil {
		return errors.New("nothing to fetch it with")
	}
	if st.Name == "" {
		return fmt.Errorf("%s has no name to fetch it by", st.Digest)
	}
	name := st.Name
	if !strings.Contains(name, "@") {
		name += "@" + st.Digest.String()
	}
	img, err := v.repair.Fetch(ctx, name)
	if err != nil {
		return err
	}
	p, err := newPlan(img, st.Name)
	if err != nil {
		return err
	}
	if p.digest != st.Digest {
		return fmt.Errorf("%s is now %s", name, p.digest)
	}
	l, err := v.store.newLease(ctx, func() (needs, error) { return p.needs(), nil })
	if err != nil {
		return err
	}
	return errors.Join(v.store.bring(ctx, p), l.release())
}

// fetched notes what fetching an image did for its blobs.
func (v *verifier) fetched(st Stored, err error) {
	for _, f := range v.faults {
		if r := v.roles[f.blob]; r == nil || !uses(r, st.Digest) || f.Repaired == fetchedAgain {
			continue
		}
		if err != nil {
			f.Error = err.Error()
			continue
		}
		f.Repaired, f.Error = fetchedAgain, ""
	}
}

func uses(r *role, image v1.Hash) bool {
	for _, st := range r.users {
		if st.Digest == image {
			return true
		}
	}
	return false
}

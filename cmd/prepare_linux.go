package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cache/userns"
)

// prepared is an image that can be mounted for a command.
type prepared struct {
	name      string
	image     *image // nil if another process has found it
	config    v1.Config
	snapshots *cache.Snapshots
	rootless  bool
	ids       *userns.Map // that the command's user namespace is to have; nil if one's own
}

// prepare finds an image and makes its snapshots. If they need ids of the user that this
// process does not have, another has them, does it, and hands over. In that one, nothing
// is returned.
func (s *session) prepare(ctx context.Context, name string, f *mountFlags) (*prepared, error) {
	p := s.program
	kind, ids, err := p.snapshotKind()
	if err != nil {
		return nil, err
	}
	if ids == nil {
		img, err := s.findToMount(ctx, name, f, kind)
		if err != nil {
			return nil, err
		}
		of, err := s.prepareImage(ctx, img, f, kind)
		if err == nil && p.ids.handOver != nil {
			return nil, of.handOver(p.ids.handOver)
		}
		return of, err
	}
	of := s.ready(ctx, name, f, kind)
	if of == nil {
		if of, err = s.handedOver(ids); err != nil {
			return nil, err
		}
	}
	of.ids = ids
	return of, nil
}

func (s *session) prepareImage(ctx context.Context, img *image, f *mountFlags, kind cache.SnapshotOptions) (*prepared, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	found, _, err := s.snapshots(ctx, img, f, kind)
	if err != nil {
		return nil, err
	}
	return &prepared{name: img.name, image: img, config: config.Config, snapshots: found, rootless: kind.Rootless}, nil
}

// ready is an image of the store that needs no preparing; nil if there is none. What
// goes wrong is no error: whoever prepares it meets it again, and tells.
func (s *session) ready(ctx context.Context, name string, f *mountFlags, kind cache.SnapshotOptions) *prepared {
	ref, err := source.Parse(name)
	if err != nil || ref.Transport != source.Store && ref.Transport != source.Any {
		return nil
	}
	stored, err := s.lookUp(ctx, ref)
	if err != nil {
		return nil
	}
	final := ref.Transport == source.Store || s.fetch.Offline || s.fetch.Pull == pullNever
	if !final && (s.fetch.Pull != pullMissing || !s.isExact(ref, stored)) {
		return nil
	}
	img, err := s.open(ctx, *stored)
	if err != nil {
		return nil
	}
	kind.Present = true
	of, err := s.prepareImage(ctx, img, f, kind)
	if err != nil {
		return nil
	}
	return of
}

// handed is what a process tells of an image that it has prepared, with the file that
// keeps it.
type handed struct {
	Name   string
	Config v1.Config
	Dirs   []string
	File   string
}

// handOver tells the other process. The snapshots are not this one's to release then.
func (of *prepared) handOver(socket *os.File) error {
	file := of.snapshots.File()
	rights := unix.UnixRights(int(file.Fd()))
	if err := unix.Sendmsg(int(socket.Fd()), []byte("\n"), rights, nil, 0); err != nil {
		return fmt.Errorf("handing over: %w", err)
	}
	return json.NewEncoder(socket).Encode(handed{Name: of.name, Config: of.config, Dirs: of.snapshots.Dirs, File: file.Name()})
}

// handedOver has another process, which has all ids of the user, prepare what this one's
// arguments say.
func (s *session) handedOver(with *userns.Map) (*prepared, error) {
	p := s.program
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close() // all that was to be read has been
	c, err := p.command(append([]string{handOverRole}, p.args...))
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	c.ExtraFiles = []*os.File{theirs}
	p.progress.Clear()
	stop, err := p.start(with, c)
	if err = errors.Join(err, theirs.Close()); err != nil {
		return nil, err
	}
	defer stop()
	of, err := receive(ours)
	if end := childEnd(c.Wait()); end != nil {
		return nil, end
	}
	return of, err
}

func socketPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"), nil
}

// receive takes what handOver has told.
func receive(socket *os.File) (*prepared, error) {
	control := make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("what was prepared: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("what was prepared: no file came with it: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, fmt.Errorf("what was prepared: %w", err)
	}
	var h handed
	err = json.NewDecoder(socket).Decode(&h)
	file := os.NewFile(uintptr(fds[0]), h.File)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("what was prepared: %w", err), file.Close())
	}
	return &prepared{name: h.Name, config: h.Config, snapshots: cache.Handed(h.Dirs, file), rootless: true}, nil
}

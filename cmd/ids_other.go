//go:build !linux

package cmd

import "github.com/layers/layers/cache"

// ids are for Linux alone.
type ids struct{}

var idRules []rule

func (*ids) ownerHint() string { return "" }

func (p *program) entered(args []string) (rest []string, code int, done bool) { return args, 0, false }
func (p *program) withIDs(do func() error) error                              { return do() }
func (p *program) snapshotKind() (o cache.SnapshotOptions, with *ids, err error) {
	return o, nil, nil
}
func (p *program) unpackAs(f *unpackFlags) (again *ids, keepOwner bool, err error) {
	return nil, f.rootless, nil
}
func (p *program) again(*ids, storeFlags) error { return nil }

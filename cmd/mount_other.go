//go:build !linux

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
)

var errNoOverlay = fmt.Errorf("mounting an image: %w", errors.ErrUnsupported)

const mountedRole = "mount, for a command"

var mountRules []rule

func (p *program) mount(context.Context, string, string, mountFlags) error { return errNoOverlay }
func (p *program) mountFor(context.Context, []string, []string, mountFlags) error {
	return errNoOverlay
}
func (s *session) umount(context.Context, string, outputFlags) error { return errNoOverlay }
func mountedMain(io.Writer) int                                      { return exitHost }

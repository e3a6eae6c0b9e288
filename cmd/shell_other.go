//go:build !linux

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	shellRole  = "init, of a shell"
	keeperRole = "keeper, of control groups"
)

var shellRules []rule

func (p *program) shell(context.Context, string, []string, shellFlags) error {
	return fmt.Errorf("a shell in an image: %w", errors.ErrUnsupported)
}

func shellMain() int                     { return exitHost }
func keeperMain([]string, io.Writer) int { return exitHost }

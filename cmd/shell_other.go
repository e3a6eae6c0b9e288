//go:build !linux

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	terminalKeeperRole = "keeper, of a terminal"

	keeperRole = "keeper, of control groups"

	builtinRole = "shell, built in"
)

var shellRules []rule

func (p *program) shell(context.Context, string, []string, shellFlags) error {
	return fmt.Errorf("a shell in an image: %w", errors.ErrUnsupported)
}

func builtinMain(string, []string) int   { return exitHost }
func terminalKeeperMain(io.Writer) int   { return exitHost }
func keeperMain([]string, io.Writer) int { return exitHost }

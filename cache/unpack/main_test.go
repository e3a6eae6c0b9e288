//go:build linux

package unpack

import (
	"os"
	"testing"

	"github.com/layers/layers/fixtures"
)

func TestMain(m *testing.M) { os.Exit(fixtures.AsRoot(m.Run)) }

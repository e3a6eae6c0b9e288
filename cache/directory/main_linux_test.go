package directory

import (
	"os"
	"testing"

	"github.com/layers/layers/fixtures"
)

func TestMain(m *testing.M) { os.Exit(fixtures.AsRoot(m.Run)) }

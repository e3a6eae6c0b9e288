package cache

import (
	"fmt"
	"os"

	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cache/userns"
)

// This program is the process, too, that removes what its user may not remove himself.
func init() {
	if len(os.Args) < 3 || os.Args[1] != userns.Role {
		return
	}
	if err := userns.Enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(unpack.OwnerMain(os.Args[3:], os.Stdout, os.Stderr))
}

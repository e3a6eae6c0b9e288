// Layers looks inside container images: what each layer costs, what changed, what
// is shared.
package main

import (
	"os"

	"github.com/layers/layers/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Command testlog reads the output of `go test -json`, prints a line for each
// package and all that failing tests said, and fails if anything failed or was
// skipped, or if nothing was tested.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

type key struct{ pkg, test string }

func main() {
	said := map[key]*strings.Builder{}
	var passed, failed, skipped int
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Println(in.Text())
			continue
		}
		k := key{e.Package, e.Test}
		switch e.Action {
		case "output":
			if said[k] == nil {
				said[k] = &strings.Builder{}
			}
			said[k].WriteString(e.Output)
		case "build-output":
			fmt.Print(e.Output)
		case "fail", "build-fail":
			failed++
			if b := said[k]; b != nil {
				fmt.Print(b.String())
			}
			fmt.Println("FAIL", e.Package, e.ImportPath, e.Test)
		case "skip":
			if e.Test != "" {
				skipped++
				fmt.Println("SKIP", e.Package, e.Test, said[k])
			}
		case "pass":
			passed++
			if e.Test == "" {
				fmt.Printf("ok   %s %.1fs\n", e.Package, e.Elapsed)
			}
		}
		if e.Action != "output" {
			delete(said, k)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if err := in.Err(); err != nil || failed > 0 || skipped > 0 || passed == 0 {
		if err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
}

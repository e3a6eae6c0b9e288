package packages

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// BenchmarkFind is an image of 418 Debian packages, as python:3.10 of Docker Hub, with
// 30,000 names, half of the paths by way of a link.
func BenchmarkFind(b *testing.B) {
	layer := []fixtures.Entry{{Name: "lib", Link: "usr/lib", Type: '2'}}
	var status strings.Builder
	for i := range 418 {
		name := fmt.Sprintf("package%d", i)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.%d-1\nDescription: %s\n\n", name, i, strings.Repeat("words ", 200))
		var list strings.Builder
		list.WriteString("/.\n/usr\n/usr/share\n")
		for j := range 70 {
			file := fmt.Sprintf("%s/dir%d/file%d", name, j/10, j)
			layer = append(layer, fixtures.Entry{Name: "usr/lib/" + file, Body: "x"})
			fmt.Fprintf(&list, "%s%s\n", []string{"/lib/", "/usr/lib/"}[i%2], file)
		}
		layer = append(layer, fixtures.Entry{Name: "var/lib/dpkg/info/" + name + ".list", Body: list.String()})
	}
	layer = append(layer, fixtures.Entry{Name: "var/lib/dpkg/status", Body: status.String()})
	in := open(b, fixtures.Build([][]fixtures.Entry{layer}))
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			set, err := Find(b.Context(), in)
			if err != nil || len(set.Packages) != 418 || set.Owned.Files != 418*70 {
				b.Fatal(err)
			}
		}
	})
	b.Run("paths of one", func(b *testing.B) {
		of := []Package{{Kind: Deb, Name: "package7", Arch: "amd64", Version: "1.7-1"}}
		b.ReportAllocs()
		for b.Loop() {
			if paths, err := Paths(b.Context(), in, of); err != nil || len(paths[0]) != 70 {
				b.Fatal(err)
			}
		}
	})
}

package packages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestHostileLists has lists that lead outside, in circles and nowhere.
func TestHostileLists(t *testing.T) {
	in := image(t, `
-- 0/var/lib/dpkg/status --
Package: a
Status: install ok installed
Version: 1

Package: ../../../etc/passwd
Status: install ok installed

Package: a
Status: install ok installed
Version: 1
-- 0/var/lib/dpkg/info/a.list --
/../../../../x
/circle/x
/usr/../y
//z//
relative
/

/.
/in/root
/in/up/top
-- 0/x [size=1] --
-- 0/y [size=2] --
-- 0/z [size=4] --
-- 0/relative [size=8] --
-- 0/root [size=16] --
-- 0/top [size=32] --
-- 0/circle -> circle2 --
-- 0/circle2 -> ./circle/ --
-- 0/in -> / --
-- 0/up -> ../../.. --
-- 0/lib/apk/db/installed --
P:b
F:../../..
R:nothing
R:
F
:
-- 0/s/p.dist-info/METADATA --
Name: p
-- 0/s/p.dist-info/RECORD --
../../../../../../etc/shadow,,
"
"unclosed
,
-- 0/etc/shadow [size=64] --
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, fmt.Sprintf(`
apk b , layer 1: 0 files, 0 bytes
deb ../../../etc/passwd , layer 1: 0 files, 0 bytes
deb a 1, layer 1: 6 files, 63 bytes
deb a 1, layer 1: 0 files, 0 bytes
python p  s/p.dist-info, layer 1: 3 files, %d bytes
`, 64+lookup(t, in, "s/p.dist-info/METADATA").Size+lookup(t, in, "s/p.dist-info/RECORD").Size))
	if len(set.Notes) != 1 {
		t.Errorf("%q", set.Notes)
	}
}

// TestManyLinks has a path of many links, and one of more than Linux follows.
func TestManyLinks(t *testing.T) {
	var l links
	for i := range 50 {
		l.add(fmt.Sprintf("d%d", i), fmt.Sprintf("d%d/../d%d", i+1, i+1))
	}
	if at, ok := l.resolve("d15/x"); !ok || at != "d50/x" {
		t.Errorf("%q, %v", at, ok)
	}
	l.dirs = nil
	if at, ok := l.resolve("d0/x"); ok {
		t.Errorf("%q", at)
	}
	deep := strings.Repeat("d/", maxPath/2-1) + "x"
	if at, ok := l.resolve(deep); !ok || at != deep {
		t.Errorf("%q, %v", at, ok)
	}
}

// TestLimits has more of everything than is believed.
func TestLimits(t *testing.T) {
	var status, installed, record strings.Builder
	for i := range maxPackages + 10 {
		fmt.Fprintf(&status, "Package: p%d\nStatus: install ok installed\n\n", i)
	}
	fmt.Fprintf(&installed, "P:%s\n\nP:big\nF:%s\n", strings.Repeat("x", 2*maxName), strings.Repeat("y", 1<<20))
	for range 1 << 17 {
		installed.WriteString("R:x\n")
	}
	for range 1 << 16 {
		record.WriteString("x,,\n")
	}
	in := open(t, fixtures.Build([][]fixtures.Entry{{
		{Name: "lib/apk/db/installed", Body: installed.String()},
		{Name: "var/lib/dpkg/status", Body: status.String()},
		{Name: "s/p.dist-info/METADATA", Body: "Name: p\n"},
		{Name: "s/p.dist-info/RECORD", Body: record.String()},
	}}))
	set, err := Find(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Packages) != maxPackages || len(set.Notes) != 3 {
		t.Errorf("%d packages, %q", len(set.Packages), set.Notes)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, image(t, "-- 0/a --\n")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestDamagedKept says that damage of the store is no finding.
func TestDamagedKept(t *testing.T) {
	layers, err := fixtures.Image("-- 0/var/lib/dpkg/status --\n" + status).Layers()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Find(t.Context(), []Layer{closedKept(t, layers[0])})
	if !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "var/lib/dpkg/status of layer 1") {
		t.Error(err)
	}
}

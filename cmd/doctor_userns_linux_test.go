package cmd

import (
	"strings"
	"testing"

	"github.com/layers/layers/cache/userns"
)

func TestSubIDsAreSummedUp(t *testing.T) {
	f := checkSubIDs("subuid", []userns.Span{{First: 100000, Count: 65536}, {First: 300000, Count: 10}})
	if f.State != stateOK || f.What != "65 546 ids for this user: 100000-165535, 300000-300009" {
		t.Errorf("%+v", f)
	}
}

func TestAppArmorPath(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/bin/layers":  `"/usr/bin/layers"`,
		"/home/a b/l":      `"/home/a b/l"`,
		`/x{1,2}/[l]*?^"\`: `"/x\{1,2\}/\[l\]\*\?\^\"\\"`,
		"/home/ä/layers":   `"/home/ä/layers"`,
	} {
		if got := appArmorPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestAppArmorProfile(t *testing.T) {
	var out, said strings.Builder
	if code := Main([]string{"doctor", "--print-apparmor"}, strings.NewReader(""), &out, &said); code != 0 {
		t.Fatalf("exit code %d: %s", code, said.String())
	}
	for _, want := range []string{"abi <abi/4.0>,\n", `profile layers "/`, "flags=(unconfined) {\n  userns,\n", "include if exists <local/layers>\n}\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

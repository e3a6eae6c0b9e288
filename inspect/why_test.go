package inspect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// story writes a report as "layer change [what hid it]" for each event.
func story(r *WhyReport) string {
	var out []string
	for _, p := range r.Paths {
		for _, e := range p.Events {
			s := fmt.Sprintf("%s %d %s", p.Path, e.Layer, e.Change)
			if e.By != nil {
				s += " by " + e.By.How + " at " + e.By.Path
			}
			for _, c := range e.Changed {
				if c.What != "digest" {
					s += fmt.Sprintf(" %s %s>%s", c.What, c.From, c.To)
				}
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

func TestWhy(t *testing.T) {
	in := open(t, fixtures.Image(`
-- 0/bin -> usr/bin --
-- 0/usr/bin/tool [size=10] --
-- 0/usr/bin/alias -> tool --
-- 0/usr/bin/lost -> nowhere --
-- 0/opt/d/f [size=5] --
-- 0/srv/f [size=5] --
-- 0/was/dir/f [size=5] --
-- 1/usr/bin/tool [size=10 mode=4755 uid=7] --
-- 1/opt/.wh.d --
-- 1/srv/.wh..wh..opq --
-- 1/srv/g --
-- 1/was/dir --
now a file
-- 2/usr/bin/tool [size=12 mode=4755 uid=7] --
-- 2/.wh.never --
-- 3/usr/bin/tool [size=12 mode=4755 uid=7] --
`))
	for path, want := range map[string]string{
		"/bin/tool": `usr/bin/tool 1 added
usr/bin/tool 2 attributes by replaced at usr/bin/tool mode 0644>4755 owner 0:0>7:0
usr/bin/tool 3 content by replaced at usr/bin/tool size 10>12
usr/bin/tool 4 rewritten by replaced at usr/bin/tool`,
		"bin/alias": `usr/bin/alias 1 added
usr/bin/tool 1 added
usr/bin/tool 2 attributes by replaced at usr/bin/tool mode 0644>4755 owner 0:0>7:0
usr/bin/tool 3 content by replaced at usr/bin/tool size 10>12
usr/bin/tool 4 rewritten by replaced at usr/bin/tool`,
		"/usr/bin/lost":       `usr/bin/lost 1 added`,
		"/opt/d/f":            "opt/d/f 1 added\nopt/d/f 2 removed by whiteout at opt/d",
		"/srv//./f/":          "srv/f 1 added\nsrv/f 2 removed by opaque at srv",
		"/was/dir/f":          "was/dir/f 1 added\nwas/dir/f 2 removed by replaced at was/dir",
		"/never":              "never 3 nothing",
		"/../bin/../bin/lost": `usr/bin/lost 1 added`,
	} {
		r, err := Why(t.Context(), in, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := story(r); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
		if (r.Dangling != nil) != strings.HasSuffix(path, "lost") {
			t.Errorf("%s: dangling %+v", path, r.Dangling)
		}
	}
}

// A name that lies behind a link which leads nowhere has a history all the same,
// and so has the link.
func TestWhyBehindLinks(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/d/f [size=5] --\n-- 0/e/f [size=5] --\n-- 1/d -> gone --\n-- 1/e -> e --\n"))
	for path, want := range map[string]string{
		"d/f": "d/f 1 added\nd/f 2 removed by replaced at d",
		"e/f": "e/f 1 added\ne/f 2 removed by replaced at e",
		"e":   "e 1 added\ne 2 replaced by replaced at e kind dir>symlink link >e",
	} {
		r, err := Why(t.Context(), in, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, _, _ := strings.Cut(story(r), "\n\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
	}
	for _, path := range []string{"d/none", "e/none", "none/f"} {
		if r, err := Why(t.Context(), in, path); !isNowhere(err) {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
}

// A directory is of the layer whose attributes are shown, in listings and histories
// alike, and of one event only. A layer that only needs it as a parent has not made it,
// unless none has.
func TestDirectoryIsOfTheLayerThatGaveItsAttributes(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
		mode string
	}{
		{"-- 0/d/ [mode=700] --\n-- 1/d/f --\n", 1, "0700"},
		{"-- 0/d/ [mode=700] --\n-- 1/d/ [mode=711] --\n-- 2/d/f --\n", 2, "0711"},
		{"-- 0/d/ [mode=700] --\n-- 1/d/f --\n-- 2/d/ [mode=700] --\n", 3, "0700"},
		{"-- 0/d/ [mode=700] --\n-- 1/d/.wh..wh..opq --\n", 1, "0700"},
		{"-- 0/d/ [mode=700] --\n-- 1/.wh.d --\n-- 2/d/f --\n", 3, "0755"},
		{"-- 0/d --\n-- 1/d/f --\n-- 2/d/g --\n", 3, "0755"},
		{"-- 0/d/f --\n-- 1/d/g --\n", 2, "0755"},
	} {
		in := open(t, fixtures.Image(c.text))
		r, err := Why(t.Context(), in, "d")
		if err != nil {
			t.Fatal(err)
		}
		now, listed := r.Paths[0].Now, rows(t, in, "/", ListOptions{})[0]
		if now.Layer != c.want || now.Mode != c.mode || listed.Layer != c.want || listed.Mode != c.mode {
			t.Errorf("%q: now %+v, listed %+v, want %s of layer %d", c.text, now, listed, c.mode, c.want)
		}
		for _, e := range r.Paths[0].Events {
			if e.Visible != (e.Layer == c.want) {
				t.Errorf("%q: layer %d %s: visible %v", c.text, e.Layer, e.Change, e.Visible)
			}
		}
	}
}

func TestWhyOfDirectory(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/d/a [size=5] --\n-- 0/d/b [size=7] --\n-- 1/d/.wh.a --\n-- 1/d/c [size=9] --\n-- 2/x --\n"))
	r, err := Why(t.Context(), in, "/d")
	if err != nil {
		t.Fatal(err)
	}
	want := []Contribution{{Layer: 1, Files: 1, Bytes: 7, Hidden: 1}, {Layer: 2, Files: 1, Bytes: 9, Whiteouts: 1}}
	if got := r.Paths[0].Below; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNotExistNamesWhatIsNear(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/usr/bin/python3 --\n-- 0/usr/bin/perl --\n-- 0/etc/hosts --\n-- 0/bin -> usr/bin --\n-- 0/loop -> loop --\n"))
	for path, want := range map[string][]string{
		"/bin/pyhton3":         {"usr/bin/python3"},
		"/usr/bin/Python3":     {"usr/bin/python3"},
		"/ect/hosts":           {"etc"},
		"/usr/bin/zzz":         nil,
		"/etc/hosts/below":     {"etc/hosts"},
		"/etc/host":            {"etc/hosts"},
		"/usr/bin/perl2/a/b/c": {"usr/bin/perl"},
	} {
		_, whyErr := Why(t.Context(), in, path)
		_, listErr := List(t.Context(), in, path, ListOptions{})
		for _, err := range []error{whyErr, listErr} {
			var missing *NotExistError
			if !errors.As(err, &missing) || !errors.Is(err, layer.ErrNotExist) {
				t.Errorf("%s: %v", path, err)
			} else if !slices.Equal(missing.Near, want) {
				t.Errorf("%s: near are %q, want %q", path, missing.Near, want)
			}
		}
	}
	var loop *layer.LoopError
	if _, err := List(t.Context(), in, "/loop", ListOptions{}); !errors.As(err, &loop) {
		t.Errorf("a loop: %v", err)
	}
}

func TestListOfOneLayerShowsMarks(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/d/a --\n-- 0/e --\n-- 1/d/.wh..wh..opq --\n-- 1/d/b --\n-- 1/.wh.e --\n"))
	var got []string
	for _, r := range rows(t, in, "", ListOptions{Layer: 2, Recursive: true}) {
		got = append(got, r.Path+" "+r.Kind+" "+r.Hides)
	}
	if want := []string{"d dir children", "d/b file ", "e absent all"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestListFollowsLinks(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/lib -> usr/lib --\n-- 0/usr/lib/x/y --\n-- 0/usr/lib/z --\n"))
	l, err := List(t.Context(), in, "/lib", ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if l.Path != "usr/lib" || !l.Dir || len(l.Hops) != 1 || l.Hops[0].Target != "usr/lib" {
		t.Errorf("%+v", l)
	}
	if got := paths(rows(t, in, "/lib", ListOptions{})); !slices.Equal(got, []string{"usr/lib/x", "usr/lib/z"}) {
		t.Errorf("%q", got)
	}
	if got := paths(rows(t, in, "/lib/z", ListOptions{})); !slices.Equal(got, []string{"usr/lib/z"}) {
		t.Errorf("%q", got)
	}
}

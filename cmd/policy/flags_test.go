package policy

import (
	"reflect"
	"slices"
	"testing"

	"github.com/layers/layers/diff/budget"
)

func TestFromFlags(t *testing.T) {
	p, err := FromFlags(Flags{Max: []string{"200MB"}, Growth: []string{"5MB,3%", "10% or 1GB"}, Forbid: []string{".git", "/x"}, Reclaimable: []string{"5%"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &budget.Policy{Budgets: []budget.Budget{{Match: []string{"**"}, OnMissing: budget.MissingFails, Rules: []budget.Rule{
		{Kind: budget.Max, Level: budget.Fail, Of: budget.Content, Limit: budget.Limit{Bytes: size(200e6)}},
		{Kind: budget.Growth, Level: budget.Fail, Of: budget.Content, Since: budget.Baseline, Limit: budget.Limit{Bytes: size(5e6), Percent: part(3)}},
		{Kind: budget.Growth, Level: budget.Fail, Of: budget.Content, Since: budget.Baseline, Limit: budget.Limit{Bytes: size(1e9), Percent: part(10), Either: true}},
		{Kind: budget.Reclaimable, Level: budget.Fail, Limit: budget.Limit{Percent: part(5)}},
		{Kind: budget.Forbid, Level: budget.Fail, Paths: []string{".git", "/x"}},
	}}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v\nwant %+v", p, want)
	}
}

func TestFromFlagsNamesEveryFlagThatIsWrong(t *testing.T) {
	_, err := FromFlags(Flags{Max: []string{"5%", "1MB"}, Growth: []string{"5"}, Forbid: []string{"../x", "a"}, Reclaimable: []string{"100%"}})
	want := `--max: a percentage of the whole image is of nothing: give a size, or say within what part of the image
--growth: "5" has no unit: write 5B for bytes, 5MB for megabytes or 5% for a part
--reclaimable: 100% of the image's unpacked bytes is never exceeded
--forbid: "../x" matches nothing: paths are from the image's root, without . and ..`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v", err)
	}
}

func TestDefaultForbidsVersionControlAndPrivateKeys(t *testing.T) {
	p := Default()
	if len(p.Budgets) != 1 || len(p.Budgets[0].Rules) != 3 || !slices.Equal(p.Budgets[0].Match, []string{"**"}) {
		t.Fatalf("%+v", p)
	}
	growth, vcs, keys := p.Budgets[0].Rules[0], p.Budgets[0].Rules[1], p.Budgets[0].Rules[2]
	if growth.Kind != budget.Growth || *growth.Limit.Bytes != 1e6 || *growth.Limit.Percent != 1 || growth.Limit.Either || growth.Of != budget.Content {
		t.Errorf("%+v", growth)
	}
	if !keys.Secrets || vcs.Secrets {
		t.Errorf("%+v %+v", vcs, keys)
	}
	for path, by := range map[string]*budget.Rule{
		".git": &vcs, "app/.git/objects/pack/x.pack": &vcs, "srv/app/.hg/store": &vcs, "x/.svn/entries": &vcs, "x/CVS/Root": &vcs, "a/.bzr/README": &vcs,
		"root/.ssh/id_rsa": &keys, "id_ed25519": &keys,
		"usr/share/doc/CVS": nil, "root/.gitconfig": nil, "root/.ssh/id_rsa.pub": nil, ".github/workflows/x": nil, "app/.gitignore": nil,
	} {
		for _, r := range []*budget.Rule{&vcs, &keys} {
			got := slices.ContainsFunc(r.Paths, func(p string) bool { return budget.MatchesPath(p, path) })
			if got != (by == r) {
				t.Errorf("%s by %s: %t", path, r.Name, got)
			}
		}
	}
}

func TestGlobsWithASlashInFrontAreOfTheRoot(t *testing.T) {
	for glob, paths := range map[string]map[string]bool{
		"/key.pem":  {"key.pem": true, "key.pem/x": true, "etc/key.pem": false},
		"key.pem":   {"key.pem": true, "etc/key.pem": true},
		"/.git/":    {".git/HEAD": true, "app/.git/HEAD": false},
		".git/":     {".git/HEAD": true, "app/.git/HEAD": true},
		"/etc/*":    {"etc/passwd": true, "usr/etc/passwd": false},
		".git/**":   {".git": false, ".git/HEAD": true, "app/.git/x": true, "/app/x": false},
		"**/*.pem":  {"key.pem": true, "a/b/key.pem": true, "key.pem.txt": false},
		`a\*b`:      {"a*b": true, "axb": false},
		"{a,b}/c":   {"a/c/d": true, "x/b/c": true, "c": false},
		"привет/**": {"привет/x": true},
	} {
		g, err := ParseGlob(glob)
		if err != nil {
			t.Fatalf("%s: %v", glob, err)
		}
		for path, want := range paths {
			if got := budget.MatchesPath(g, path); got != want {
				t.Errorf("%s takes %s: %t", glob, path, got)
			}
		}
	}
}

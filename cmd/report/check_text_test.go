package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

func TestCheckText(t *testing.T) {
	const want = `OUTCOME  IMAGE         PLATFORM     BEFORE    AFTER              CHANGE
FAIL     app:pr-12     linux/amd64  148 MB   168 MB  +19.4 MB (+13.1 %)
ok       app:pr-12     linux/arm64  150 MB   147 MB   -3.00 MB (-2.0 %)
ok       worker:pr-12                    –  91.0 MB

app:pr-12 against app:main   of merge base 1f2e3d4   since app:v1.0
linux/amd64   rules: .layers.yaml (images.app)
content 148 MB → 168 MB   larger by 19.4 MB (+13.1 %)   8 layers, 5 shared
  FAIL     growth    +19.4 MB (+13.1 %)   over 5 MB and 3 %
                     content 148 MB → 168 MB   .layers.yaml:6
          +17.8 MB  layer 6  COPY . /app
            +18.2 MB  /app/.git/  214 files
             +200 kB  /app/data.bin
            +17.7 MB  biggest  /app/.git/objects/pack/p…56789abcdef01234567.pack
            +40.0 kB  biggest  /app/.git/index
          +1.50 MB  layer 4, new  apt-get install -y vim
            +4.00 MB  vim 9.0.1378
           +100 kB  other layers
        note: every node pulls this image over a slow line
        hint: leave .git out of what is copied
          .dockerignore:  .git
        more:  layers why app:pr-12 app/.git
  FAIL     forbid    214 paths found   must not have **/.git/**, **/*.pem
                     .layers.yaml:9
           40.0 kB  layer 6  /app/.git/index  by **/.git/**
           1.70 kB  layer 3  /app/key.pem  private key
                      deleted in layer 5, which does not take it out of layer
                        3: whoever pulls the image has it
                    layer 7  /root/.npmrc
                      deleted in layer 7: it is in a layer below, which was
                        not looked at
        211 more
        more:  layers ls -l app:pr-12 app/.git
  FAIL     not root  root   must be app, nobody   .layers.yaml:17
        note: our clusters refuse root
  WARN     layers    8 layers   over 7   .layers.yaml:16
  waived   drift     +30.0 MB (+21.8 %)   over 10 %   content 138 MB → 168 MB
                     since the anchor   .layers.yaml:14
        waiver: until 2026-09-01: the new model, agreed with ops (ann)
  skipped  base      .layers.yaml:18
                     the image does not say what it is built on, and no image in
                     the store is its base
  ok       max       168 MB of 200 MB

app:pr-12 against app:main   linux/arm64   rules: .layers.yaml (images.app)
content 150 MB → 147 MB   smaller by 3.00 MB (-2.0 %)   7 layers, 6 shared
  ok       growth  -3.00 MB (-2.0 %)   limit 5 MB and 3 %
                   content 150 MB → 147 MB

worker:pr-12   rules: .layers.yaml
content 91.0 MB   6 layers
baseline worker:main is missing (not found): only rules that need none could
  be checked
  skipped  growth  limit 5 MB   .layers.yaml:24
                   there is no baseline

Waivers
  used       app: drift   until 2026-09-01   the new model, agreed with ops
             ann   .layers.yaml:30
  expired    app: growth   until 2026-01-31   debug symbols for the launch
             team-runtime   .layers.yaml:34
  unused     forbid for **/*.pem   test certificate   from commit 1f2e3d4

fail: 3 of 9 rules broken, 1 more would only warn, 1 waived, 2 not checked
`
	if got := write(t, checked(), Options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// harmlessTo says whether a log of GitHub or Azure takes no line for a command.
func harmlessTo(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
			t.Errorf("%q: a command in a log: %q", name, line)
		}
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestCheckTextIsOnlyText(t *testing.T) {
	for name, r := range checkReports() {
		for _, o := range []Options{{}, {Width: 40}, {Width: 200, ASCII: true}, {NoTrunc: true}, {Limit: -1}} {
			text := write(t, r, o)
			harmlessTo(t, name, text)
			for _, c := range strings.ReplaceAll(text, "\n", "") {
				if !term.IsShown(c) || o.ASCII && c > 0x7e {
					t.Errorf("%q: %q in %q", name, c, text)
					break
				}
			}
			o.Color = true
			if colored := write(t, r, o); colors.ReplaceAllString(colored, "") != text {
				t.Errorf("%q: colour changes the text:\n%s\n%s", name, colored, text)
			}
		}
	}
}

// Only what is to be typed is wider than the terminal.
func TestCheckTextFitsTheTerminal(t *testing.T) {
	for name, r := range checkReports() {
		for i := range r.Images {
			for k := range r.Images[i].Results {
				result := &r.Images[i].Results[k]
				result.More = ""
				if result.Hint != nil {
					result.Hint.Example = ""
				}
			}
		}
		for _, o := range []Options{{}, {Width: 72}, {Width: 120, ASCII: true}} {
			for line := range strings.Lines(write(t, r, o)) {
				if w := Width(strings.TrimRight(line, "\n")); w > o.width() {
					t.Errorf("%q: %d columns of %d: %q", name, w, o.width(), line)
				}
			}
		}
	}
}

func TestCheckSays(t *testing.T) {
	one := func(change func(*budget.Report, *budget.ImageReport)) *budget.Report {
		r := checked()
		r.Images, r.Waivers = r.Images[1:2], nil
		r.Outcome = budget.Passed
		change(r, &r.Images[0])
		return r
	}
	for want, r := range map[string]*budget.Report{
		"ok: 1 of 1 rule kept\n":                                    one(func(*budget.Report, *budget.ImageReport) {}),
		"smaller by 3.00 MB (-2.0 %)":                               one(func(*budget.Report, *budget.ImageReport) {}),
		"-3.00 MB (-2.0 %)   limit 5 MB and 3 %":                    one(func(*budget.Report, *budget.ImageReport) {}),
		"no baseline: only rules that need none could be checked":   one(func(_ *budget.Report, i *budget.ImageReport) { i.Baseline = nil }),
		"baseline app:main is missing (gone): only rules that need": one(func(_ *budget.Report, i *budget.ImageReport) { i.Baseline.Missing = "gone" }),
		"anchor app:v1 is missing (gone)": one(func(_ *budget.Report, i *budget.ImageReport) {
			i.Anchor = &budget.Other{Name: "app:v1", Missing: "gone"}
		}),
		"rules: the usual ones, as there are no others": one(func(r *budget.Report, _ *budget.ImageReport) { r.Policy, r.Default = "", true }),
		"rules: of the command line":                    one(func(r *budget.Report, _ *budget.ImageReport) { r.Policy = "" }),
		"ok: there is no rule to check\n":               one(func(_ *budget.Report, i *budget.ImageReport) { i.Results = nil }),
		"ok: 0 of 1 rule kept, 1 not checked\n":         one(func(_ *budget.Report, i *budget.ImageReport) { i.Results[0].Outcome = budget.Unknown }),
		"warn: 1 of 1 rule broken, which only warns\n": one(func(r *budget.Report, i *budget.ImageReport) {
			r.Outcome, i.Results[0].Outcome = budget.Warned, budget.Warned
		}),
		"whoever pulls the image has it":                     checked(),
		"it is in a layer below":                             checked(),
		"note: every node pulls this image over a slow line": checked(),
		"more:  layers why app:pr-12 app/.git\n":             checked(),
		".dockerignore:  .git\n":                             checked(),
		"expired    app: growth   until 2026-01-31":          checked(),
	} {
		if got := write(t, r, Options{Width: 120}); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

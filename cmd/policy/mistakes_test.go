package policy

import (
	"slices"
	"strings"
	"testing"
)

// hugeNumber is more than a float64 holds.
var hugeNumber = "1" + strings.Repeat("0", 400)

const (
	head  = "version: 1\nimages:\n  app:\n"
	rules = head + "    rules:\n"
)

// wrongFiles are files, and what Parse says of them: every mistake, with its place.
var wrongFiles = []struct {
	name, text string
	want       []string
}{
	{"an empty file", "", []string{
		`1:1: the file is empty`,
	}},
	{"only comments", "# nothing\n", []string{
		`1:1: the file is empty`,
	}},
	{"an empty document", "---\n", []string{
		`2:1: the file is empty`,
	}},
	{"null", "~\n", []string{
		`1:1: the file is empty`,
	}},
	{"a list", "- a\n", []string{
		`1:1: the file is a list, not a mapping of keys to values`,
	}},
	{"a text", "hello\n", []string{
		`1:1: the file is text, not a mapping of keys to values`,
	}},
	{"a NUL", "version: 1\nimages: \u0000\n", []string{
		`2:9: a NUL byte: this is no text`,
	}},
	{"two documents", head + `    image: a
---
version: 1
`, []string{
		`5:1: a second document begins here: a file is one`,
	}},
	{"no version", "images: {app: {image: a}}\n", []string{
		`1:1: version is missing: this program reads version 1: begin it with: version: 1`,
	}},
	{"a version in quotes", `version: "1"
images: {app: {image: a}}
`, []string{
		`1:10: version is text, not the number 1: write it without quotes`,
	}},
	{"a version of a later program", `version: 2
images: {app: {image: a}}
`, []string{
		`1:10: version is "2": this program reads version 1`,
	}},
	{"a version that is a list", `version: [1]
images: {app: {image: a}}
`, []string{
		`1:10: version is a list: this program reads version 1`,
	}},
	{"no images", "version: 1\n", []string{
		`1:1: images is missing: nothing would be checked: images has a budget for each image, under a name of your choice`,
	}},
	{"images that are empty", `version: 1
images: {}
`, []string{
		`2:9: there are no images: nothing would be checked`,
	}},
	{"images without a value", `version: 1
images:
`, []string{
		`2:1: "images" has no value`,
	}},
	{"images that are a list", `version: 1
images: [a]
`, []string{
		`2:9: images is a list, not a mapping of keys to values`,
	}},
	{"an unknown key of the file", `version: 1
image:
  app: {image: a}
`, []string{
		`1:1: images is missing: nothing would be checked: images has a budget for each image, under a name of your choice`,
		`2:1: unknown key "image": did you mean images?`,
	}},
	{"an unknown key far from any", `version: 1
zebra: 1
images: {app: {image: a}}
`, []string{
		`2:1: unknown key "zebra": known are version, on-missing, images`,
	}},
	{"a budget without a value", head, []string{
		`3:3: "app" has no value`,
	}},
	{"a budget that says nothing", `version: 1
images:
  app: {}
`, []string{
		`3:8: the budget "app" says nothing: known are image, rules and others`,
	}},
	{"an indentation that is wrong", rules + `      - max: 1MB
     - max: 2MB
`, []string{
		`6:6: this is no YAML: did not find expected key`,
	}},
	{"a bracket that is open", rules + `      - require: [a, b
      - max: 1MB
`, []string{
		`5:7: this is no YAML: did not find expected ',' or ']'`,
	}},
	{"a tab", head + "\trules: []\n", []string{
		`4:2: this is no YAML: found character that cannot start any token: indent with spaces, not with tabs`,
	}},
	{"an unknown alias", rules + "      - max: *most\n", []string{
		`5:14: this is no YAML: unknown anchor 'most' referenced`,
	}},
	{"a quote that is open", head + `    image: 'app
    base: x
`, []string{
		`4:5: this is no YAML: found unexpected end of stream`,
	}},
	{"a control character", head + "    image: a\u0001b\n", []string{
		`4:5: this is no YAML: control characters are not allowed`,
	}},
	{"a colon in plain text", head + "    image: app: pr\n", []string{
		`4:5: this is no YAML: mapping values are not allowed in this context`,
	}},
	{"aliases that repeat each other", `a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: [*d,*d]
`, []string{
		`1:10: aliases repeat too much: at most 10000 values`,
	}},
	{"an alias of what it is in", `version: 1
images: &a
  app: *a
`, []string{
		`2:9: aliases repeat too much: at most 10000 values`,
	}},
	{"a merge key", rules + `      - &a {max: 1MB}
      - <<: *a
        level: warn
`, []string{
		`6:9: merge keys are not read: give a whole value a name with & and repeat it with *`,
	}},
	{"a tag", head + `    image: !!str 5
    rules: !x []
`, []string{
		`4:12: image has a tag, "!!str": tags are not read`,
		`5:12: rules has a tag, "!x": tags are not read`,
	}},
	{"a key that is a list", head + `    [a]: b
    ~: c
`, []string{
		`4:5: a key must be plain text`,
		`5:5: a key must be plain text`,
	}},
	{"a key twice", head + `    image: a
    image: b
`, []string{
		`5:5: "image" is here twice: first on line 4`,
	}},
	{"a budget twice", head + `    image: a
  app:
    image: b
`, []string{
		`5:3: "app" is here twice: first on line 3`,
	}},
	{"numbers and truth for text", head + `    image: 5
    baseline: 1.0
    anchor: true
    base: 2026-01-01
    match: [1]
`, []string{
		`4:12: image is a number, not text: write it in quotes: "5"`,
		`5:15: baseline is a number, not text: write it in quotes: "1.0"`,
		`6:13: anchor is a boolean, not text: write it in quotes: "true"`,
		`7:11: base is a date, not text: write it in quotes: "2026-01-01"`,
		`8:13: match is a number, not text: write it in quotes: "1"`,
	}},
	{"lists and mappings for text", head + `    image: [a]
    baseline: {a: b}
`, []string{
		`4:12: image is a list, not text`,
		`5:15: baseline is a mapping, not text`,
	}},
	{"a blank text", head + "    image: \" \"\n", []string{
		`4:12: image is empty`,
	}},
	{"a template that is none", head + `    image: "app:{{.SHA"
    baseline: "app:{{nothing .SHA}}"
    anchor: "{{.Sha}}"
`, []string{
		`4:12: image: "app:{{.SHA" is no template: unclosed action: templates have {{.SHA}}, {{.Branch}} and {{.Env.NAME}}`,
		`5:15: baseline: "app:{{nothing .SHA}}" is no template: function "nothing" not defined: templates have {{.SHA}}, {{.Branch}} and {{.Env.NAME}}`,
		`6:13: anchor: a template has no "Sha": did you mean SHA?`,
	}},
	{"patterns that are none", head + "    match: [\"a[\", \"\", \":x\", a, a]\n", []string{
		`4:13: match: "a[" is no pattern of references: as in app, ghcr.io/acme/* or app:pr-*`,
		`4:19: match is empty`,
		`4:23: match: ":x" is no pattern of references: as in app, ghcr.io/acme/* or app:pr-*`,
		`4:32: match: "a" is here twice`,
	}},
	{"a name that is no pattern", `version: 1
images:
  "a[": {image: a}
`, []string{
		`3:3: "a[" is no pattern of references: give it a match`,
	}},
	{"a budget that is never reached", `version: 1
images:
  a: {image: a}
  b: {match: [c, a]}
  d: {match: "**"}
  e: {image: e}
  f: {match: [g, d]}
`, []string{
		`4:18: "a" is never reached: "a" on line 3 takes its images: an image has the first budget that matches: put narrow ones first`,
		`6:3: "e" is never reached: "**" on line 5 takes its images: an image has the first budget that matches: put narrow ones first`,
		`7:15: "g" is never reached: "**" on line 5 takes its images: an image has the first budget that matches: put narrow ones first`,
		`7:18: "d" is never reached: "**" on line 5 takes its images: an image has the first budget that matches: put narrow ones first`,
	}},
	{"platforms that are none", head + `    platforms: [linux, linux/amd64, linux/amd64, Linux/arm64, linux/arm64, linux/arm64/v8]
`, []string{
		`4:17: "linux" is no platform: as in linux/amd64 or linux/arm/v7`,
		`4:37: linux/amd64 is here twice`,
		`4:50: "Linux/arm64" is no platform: as in linux/amd64 or linux/arm/v7`,
		`4:76: linux/arm64/v8 is here twice`,
	}},
	{"an empty list", head + `    platforms: []
    rules: []
`, []string{
		`4:16: platforms is an empty list`,
		`5:12: rules is an empty list`,
	}},
	{"rules that are a mapping", head + "    rules: {max: 5MB}\n", []string{
		`4:12: rules is a mapping, not a list: write - before each`,
	}},
	{"a rule that is text", rules + "      - max\n", []string{
		`5:9: a rule is text, not a mapping of keys to values`,
	}},
	{"a rule without a value", rules + "      - max:\n", []string{
		`5:9: "max" has no value`,
	}},
	{"an item without a value", rules + "      -\n", []string{
		`5:8: a rule is nothing, not a mapping of keys to values`,
	}},
	{"no rule in an item", rules + "      - level: warn\n", []string{
		`5:9: no rule is here: a rule is one of max, growth, layers, reclaimable, forbid, require, base, rebuilt-for-nothing, fetch, duplicate, user, platforms`,
	}},
	{"two rules in an item", rules + `      - max: 1MB
        growth: 2MB
`, []string{
		`6:9: two rules in one: growth, and max on line 5: write - before the second`,
	}},
	{"an unknown rule", rules + `      - maximum: 1MB
      - frobnicate: 1
      - max_: 5MB
      - Layers: 3
      - rebuilt_for_nothing: 1
`, []string{
		`5:9: unknown key "maximum": did you mean max?`,
		`6:9: unknown key "frobnicate": known are max, growth, layers, reclaimable, forbid, require, base, rebuilt-for-nothing, fetch, duplicate, user, platforms, of, within, since, everywhere, name, level, why`,
		`7:9: unknown key "max_": did you mean max?`,
		`8:9: unknown key "Layers": did you mean layers?`,
		`9:9: unknown key "rebuilt_for_nothing": did you mean rebuilt-for-nothing?`,
	}},
	{"a wrong level", rules + `      - max: 1MB
        level: warning
        name: ""
        why: [a]
`, []string{
		`6:16: level is "warning": did you mean warn?`,
		`7:15: name is empty`,
		`8:14: why is a list, not text`,
	}},
	{"keys of other rules", rules + `      - forbid: x
        of: content
        since: anchor
      - max: 1MB
        since: baseline
        everywhere: true
      - layers: 3
        within: own
`, []string{
		`6:9: forbid has no of: it is of max, growth`,
		`7:9: forbid has no since: it is of growth, rebuilt-for-nothing, fetch`,
		`9:9: max has no since: it is of growth, rebuilt-for-nothing, fetch`,
		`10:9: max has no everywhere: it is of forbid`,
		`12:9: layers has no within: it is of max, growth, forbid, require`,
	}},
	{"a size without a unit", rules + `      - growth: 5
      - max: 5.5
        within: own
      - fetch: "7"
`, []string{
		`5:17: growth: "5" has no unit: write 5B for bytes, 5MB for megabytes or 5% for a part`,
		`6:14: max: "5.5" has no unit: write 5.5B for bytes, 5.5MB for megabytes or 5.5% for a part`,
		`8:16: fetch: "7" has no unit: write 7B for bytes, 7MB for megabytes or 7% for a part`,
	}},
	{"wrong units", rules + `      - max: 5 MBs
      - growth: 10 megs
      - fetch: 5M%
      - duplicate: 5 M B
      - reclaimable: 5mbb
`, []string{
		`5:14: max: "5 MBs": "MBs" is no unit: did you mean MB?`,
		`6:17: growth: "10 megs": "megs" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
		`7:16: fetch: "5M%" is no percentage: write a number and %, as in 3% or 0.5%`,
		`8:20: duplicate: "5 M B": "M B" is no unit: did you mean MB?`,
		`9:22: reclaimable: "5mbb": "mbb" is no unit: did you mean MB?`,
	}},
	{"sizes that are none", rules + `      - max: -5MB
      - growth: .nan
      - fetch: 1e400
      - duplicate: 99999999999GB
      - reclaimable: .inf
      - growth: -3%
        since: baseline
      - max: ` + hugeNumber + `%
        within: own
      - max: true
      - max: [1MB]
      - max: ""
      - max: MB
`, []string{
		`5:14: max: "-5MB" is negative`,
		`6:17: growth: ".nan" is no limit: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`7:16: fetch: "1e400": "e400" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
		`8:20: duplicate: "99999999999GB" is too much: the most is 9223372036854775807B`,
		`9:22: reclaimable: ".inf" is no limit: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`10:17: growth: "-3%" is negative`,
		`12:14: max: "10000000000000000000000000000000000000000000000000000000000000000000000000000000…" is too much`,
		`14:14: max is a boolean, not a limit: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`15:14: max is a list, not a limit: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`16:14: max: a limit is missing: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`17:14: max: "MB" is no limit: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
	}},
	{"two limits of one kind", rules + `      - growth: 5MB and 3MB
      - fetch: 5% or 6%
      - duplicate: 5MB and 3% or 1%
`, []string{
		`5:17: growth: "5MB and 3MB" has two limits of one kind: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`6:16: fetch: "5% or 6%" has two limits of one kind: a limit is a size such as 5MB, a percentage such as 3%, or both: 5MB and 3%, 5MB or 3%`,
		`7:20: duplicate: "3% or 1%" is no percentage: write a number and %, as in 3% or 0.5%`,
	}},
	{"percent of nothing", rules + `      - max: 5%
      - max: 100%
        within: own
      - reclaimable: 5MB or 150%
      - fetch: 100 %
      - duplicate: 100%
      - growth: 100%
`, []string{
		`5:14: max: a percentage of the whole image is of nothing: give a size, or say within what part of the image`,
		`6:14: max: 100% of the whole image is never exceeded`,
		`8:22: reclaimable: 150% of the image's unpacked bytes is never exceeded`,
		`9:16: fetch: 100% of the image's content is never exceeded`,
		`10:20: duplicate: 100% of the image's unpacked bytes is never exceeded`,
	}},
	{"globs that match nothing", rules + `      - forbid: ["../x", "a//b", "", "\\", "a/./b", "/", "a/..", "[", "app\\bin", "{a", "//x", "a\\", "."]
      - require: "./x"
      - max: 1MB
        within: {path: "../x"}
`, []string{
		`5:18: forbid: "../x" matches nothing: paths are from the image's root, without . and ..`,
		`5:26: forbid: "a//b" matches nothing: between two slashes is a name`,
		`5:34: forbid is empty`,
		`5:38: forbid: "\\" is nothing but backslashes: names are parted by /`,
		`5:44: forbid: "a/./b" matches nothing: paths are from the image's root, without . and ..`,
		`5:53: forbid: "/" names no path: ** is everything`,
		`5:58: forbid: "a/.." matches nothing: paths are from the image's root, without . and ..`,
		`5:66: forbid: "[" is no pattern: close each [ and {, or write \ before it`,
		`5:71: forbid: "app\\bin" has a backslash before a letter: names are parted by /`,
		`5:83: forbid: "{a" is no pattern: close each [ and {, or write \ before it`,
		`5:89: forbid: "//x" matches nothing: between two slashes is a name`,
		`5:96: forbid: "a\\" is no pattern: close each [ and {, or write \ before it`,
		`5:103: forbid: "." matches nothing: paths are from the image's root, without . and ..`,
		`6:18: require: "./x" matches nothing: paths are from the image's root, without . and ..`,
		`8:24: path: "../x" matches nothing: paths are from the image's root, without . and ..`,
	}},
	{"a forbid of nothing", rules + `      - forbid: {}
      - forbid: {setuid: false}
      - forbid: {paths: []}
      - forbid: {path: x}
      - forbid: {setuid: yes, secrets: 1}
`, []string{
		`5:17: this forbids nothing: give paths, setuid: true or secrets: true`,
		`6:17: this forbids nothing: give paths, setuid: true or secrets: true`,
		`7:25: paths is an empty list`,
		`8:18: unknown key "path": did you mean paths?`,
		`9:26: setuid is "yes": write true or false`,
		`9:40: secrets is "1": write true or false`,
	}},
	{"scopes that are none", rules + `      - max: 1MB
        within: owm
      - max: 1MB
        within: {layer: 3, path: x}
      - max: 1MB
        within: {layer: 0}
      - max: 5%
        within: {layer: -1}
      - max: 1MB
        within: {}
      - max: 1MB
        within: [own]
      - max: 1MB
        within: {package: debian}
      - max: 1MB
        within: {package: deb/}
      - max: 1MB
        within: {leyer: 1}
`, []string{
		`6:17: within is "owm": did you mean own?`,
		`8:28: two parts of the image in one rule: layer and path: make it two rules`,
		`10:25: layer is "0", not a whole number from 1`,
		`12:25: layer is "-1", not a whole number from 1`,
		`14:17: within is empty: write own, or one of {layer: 3}, {step: RUN pip *}, {path: app/**} and {package: deb}`,
		`16:17: within is a list, not a mapping of keys to values`,
		`18:27: there are no packages of the kind "debian": did you mean deb?`,
		`20:27: "deb/" is no pattern of packages: as in python/torch*`,
		`22:18: unknown key "leyer": did you mean layer?`,
	}},
	{"content of files", rules + `      - max: 1MB
        of: content
        within: {path: app}
      - growth: 1MB
        within: {package: deb}
        of: content
      - max: 1MB
        of: contents
`, []string{
		`6:13: files have no content size of their own: layers have: leave it out, or write unpacked`,
		`10:13: files have no content size of their own: layers have: leave it out, or write unpacked`,
		`12:13: of is "contents": did you mean content?`,
	}},
	{"counts that are none", rules + `      - layers: 0
      - layers: 2.5
      - layers: 010
      - layers: 1_000
      - layers: "3"
      - layers: 99999999999999999999
      - rebuilt-for-nothing: -1
      - rebuilt-for-nothing: 0x10
`, []string{
		`5:17: layers is "0", not a whole number from 1`,
		`6:17: layers is "2.5", not a whole number from 1`,
		`7:17: layers is "010", not a whole number from 1`,
		`8:17: layers is "1_000", not a whole number from 1`,
		`9:17: layers is "3", not a whole number from 1`,
		`10:17: layers is "99999999999999999999", not a whole number from 1`,
		`11:30: rebuilt-for-nothing is "-1", not a whole number from 0`,
		`12:30: rebuilt-for-nothing is "0x10", not a whole number from 0`,
	}},
	{"bases that are none", rules + `      - base: {}
      - base: {max-age: 90}
      - base: {max-age: 0d}
      - base: {max-age: 3w, pinned: on}
      - base: {is: "a["}
      - base: {max-age: [1d]}
      - base: {pinned: false}
`, []string{
		`5:15: this demands nothing: give is, max-age or pinned: true`,
		`6:25: max-age is "90": write days, from 1d to 36500d, as in 90d`,
		`7:25: max-age is "0d": write days, from 1d to 36500d, as in 90d`,
		`8:25: max-age is "3w": write days, from 1d to 36500d, as in 90d`,
		`8:37: pinned is "on": write true or false`,
		`9:20: is: "a[" is no pattern of references: as in app, ghcr.io/acme/* or app:pr-*`,
		`10:25: max-age is a list: write days, from 1d to 36500d, as in 90d`,
		`11:15: this demands nothing: give is, max-age or pinned: true`,
	}},
	{"users that are none", rules + `      - user: [non-root, app]
      - user: app:app
      - user: 4294967295
      - user: 007
      - user: true
      - user: -1
`, []string{
		`5:16: non-root stands alone: write user: non-root, or who it may be`,
		`6:15: "app:app" is no name of a user: write the user alone, without a group`,
		`7:15: "4294967295" is no number of a user`,
		`8:15: "007" is no number of a user`,
		`9:15: user is a boolean, not text: write it in quotes: "true"`,
		`10:15: "-1" is no number of a user`,
	}},
	{"a max that never decides", rules + `      - max: 100MB
      - max: 200MB
`, []string{
		`6:9: this never decides: what breaks it breaks max on line 5: take one of them away`,
	}},
	{"a max that leaves an earlier one idle", rules + `      - max: 200MB
        level: warn
      - max: 100MB
        level: warn
`, []string{
		`7:9: with this max on line 5 never decides: what breaks that breaks this: take one of them away`,
	}},
	{"limits that are equal", rules + `      - growth: 1MB
      - growth: 1000kB
`, []string{
		`6:9: this never decides: what breaks it breaks growth on line 5: take one of them away`,
	}},
	{"counts that never decide", rules + `      - layers: 5
      - layers: 7
      - rebuilt-for-nothing: 0
      - rebuilt-for-nothing: 1
`, []string{
		`6:9: this never decides: what breaks it breaks layers on line 5: take one of them away`,
		`8:9: this never decides: what breaks it breaks rebuilt-for-nothing on line 7: take one of them away`,
	}},
	{"both and either", rules + `      - growth: 1MB or 1%
      - growth: 1MB and 1%
`, []string{
		`6:9: this never decides: what breaks it breaks growth on line 5: take one of them away`,
	}},
	{"what is required and forbidden", rules + `      - require: [etc/ssl/key.pem, app]
      - forbid: ["**/*.pem"]
      - forbid: app
      - require: "/x"
      - forbid: /x
`, []string{
		`6:9: "etc/ssl/key.pem" is required and forbidden, by "**/*.pem": see line 5`,
		`7:9: "app" is required and forbidden, by "app": see line 5`,
		`9:9: "/x" is required and forbidden, by "/x": see line 8`,
	}},
	{"bases of which no image has both", rules + `      - base: debian:bookworm
      - base: {is: [debian:trixie, alpine]}
`, []string{
		`6:9: no image is built on both this and what line 5 demands: write one rule with a list: is: [one, other]`,
	}},
	{"users of which no image is both", rules + `      - user: non-root
      - user: root
      - user: [a, b]
      - user: c
`, []string{
		`6:9: no image runs as both this and what line 5 demands: write one rule with a list`,
		`7:9: no image runs as both this and what line 6 demands: write one rule with a list`,
		`8:9: no image runs as both this and what line 6 demands: write one rule with a list`,
	}},
	{"a platform that is not checked", head + `    platforms: [linux/amd64]
    rules:
      - platforms: [linux/amd64, linux/arm64]
`, []string{
		`6:9: linux/arm64 is demanded, and the budget's platforms are linux/amd64: add it there, or take it away here`,
	}},
	{"an anchor that is not there", rules + `      - growth: 1MB
        since: anchor
`, []string{
		`5:9: growth is since the anchor, and there is none: give the budget an anchor`,
	}},
	{"names that say little", rules + `      - max: 1MB
        name: growth
      - layers: 3
        name: x
      - user: app
        name: x
`, []string{
		`5:9: a rule of max is called as the rules of growth are`,
		`9:9: the name "x" is taken on line 7`,
	}},
	{"waivers that are none", rules + `      - growth: 5MB
      - layers: 3
      - max: 1GB
        name: big
    waivers:
      - rule: grwoth
        until: 2026-12-31
        reason: r
        owner: o
      - rule: layers
        path: x
        allow: 5MB
      - rule: big
        allow: 5%
        until: 2026-02-30
        reason: ""
        owner: 5
      - until: 2026-12-31T10:00:00Z
        reason: r
        owner: o
        rule: [x]
      - expires: tomorrow
      - x
`, []string{
		`10:15: the budget has no rule "grwoth": did you mean growth?`,
		`14:9: a waiver without until`,
		`14:9: a waiver without reason`,
		`14:9: a waiver without owner`,
		`15:9: the rule "layers" has no paths`,
		`16:9: the rule "layers" has no limit in bytes or percent: leave it out`,
		`18:16: allow: a percentage of the whole image is of nothing: give a size, or say within what part of the image`,
		`19:16: until is "2026-02-30": write a day, as in 2026-12-31`,
		`20:17: reason is empty`,
		`21:16: owner is a number, not text: write it in quotes: "5"`,
		`22:16: until is "2026-12-31T10:00:00Z": write a day, as in 2026-12-31`,
		`25:15: rule is a list, not text`,
		`26:9: unknown key "expires": known are rule, path, allow, until, reason, owner`,
		`26:9: a waiver without rule`,
		`26:9: a waiver without until`,
		`26:9: a waiver without reason`,
		`26:9: a waiver without owner`,
		`27:9: a waiver is text, not a mapping of keys to values`,
	}},
	{"a waiver of a usual rule", head + `    waivers:
      - {rule: max, until: 2026-01-01, reason: r, owner: o}
      - {rule: private-keys, path: x, until: 2026-01-01, reason: r, owner: o}
`, []string{
		`5:16: the budget has no rule "max": write the name or the kind of a rule`,
	}},
	{"a waiver of a rule that is wrong", rules + `      - grwoth: 5MB
    waivers:
      - {rule: growth, until: 2026-01-01, reason: r, owner: o}
`, []string{
		`5:9: unknown key "grwoth": did you mean growth?`,
	}},
	{"on-missing that is none", `version: 1
on-missing: ignore
images:
  app: {image: a, on-missing: no}
`, []string{
		`2:13: on-missing is "ignore": write fail, or warn, or pass`,
		`4:31: on-missing is "no": write fail, or warn, or pass`,
	}},
	{"what several aliases name", rules + `      - &a {max: 5 MBs}
      - *a
`, []string{
		`5:18: max: "5 MBs": "MBs" is no unit: did you mean MB?`,
	}},
	{"files within files", head + "    rules:\n      - forbid: x\n        within: {path: app}\n      - require: y\n        within: {package: deb}\n", []string{
		`6:17: forbid says by its own patterns which files it is about: write own, or one of {layer: 3} and {step: RUN pip *}`,
		`8:17: require says by its own patterns which files it is about: write own, or one of {layer: 3} and {step: RUN pip *}`,
	}},
	{"a key that injects", head + "    \"x\\n::error\\e[31m\": 5\n", []string{
		`4:5: unknown key "x\n::error\x1b[31m": known are image, match, baseline, anchor, base, on-missing, platforms, rules, waivers`,
	}},
}

func TestParseTellsEveryMistakeAndWhereItIs(t *testing.T) {
	for _, c := range wrongFiles {
		if len(c.want) == 0 {
			t.Errorf("%s: nothing is wrong", c.name)
		}
		var want []string
		for _, w := range c.want {
			want = append(want, "f:"+w)
		}
		if got := mistakes(t, c.text); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestParseRefusesWhatIsTooLarge(t *testing.T) {
	if got := mistakes(t, "version: 1\n#"+strings.Repeat(" ", 1<<20)); !slices.Equal(got, []string{"f:1:1: the file is larger than 1 MiB"}) {
		t.Error(got)
	}
	globs := strings.Repeat("\"*.x\", ", 1000) + "]\n"
	if got := mistakes(t, rules+"      - forbid: ["+globs+"      - require: ["+strings.ReplaceAll(globs, "*", "a")); len(got) != 1 || !strings.Contains(got[0], "required and forbidden") {
		t.Error(len(got), got[0])
	}
	paths := strings.Repeat("a, ", 1000) + "]\n"
	if got := mistakes(t, rules+"      - forbid: ["+globs+"      - require: ["+paths); !slices.Equal(got, []string{"f:6:9: the file has more rules and patterns than can be compared with each other"}) {
		t.Error(got)
	}
	if got := mistakes(t, head+"    image: '"+strings.Repeat("{{if 1}}", 1000)+"'\n"); !slices.Equal(got, []string{"f:4:12: image is longer than any reference"}) {
		t.Error(got)
	}
	many := mistakes(t, rules+strings.Repeat("      - user: app\n", 1001))
	if want := []string{"f:1005:9: more than 1000 items: this is too much"}; !slices.Equal(many, want) {
		t.Error(many)
	}
	images := mistakes(t, "version: 1\nimages:\n"+strings.Repeat("  a: {image: a}\n", 3))
	if len(images) != 2 {
		t.Error(images)
	}
	if got := mistakes(t, rules+"      - forbid: "+strings.Repeat("x", 5000)); len(got) != 1 || !strings.HasSuffix(got[0], "is longer than any path") {
		t.Error(got)
	}
}

func TestParseRefusesWhatIsNotUTF8(t *testing.T) {
	if got := mistakes(t, "version: 1\nimages: {\"ä\xff\": 1}\n"); !slices.Equal(got, []string{"f:2:12: this is not UTF-8"}) {
		t.Error(got)
	}
}

func TestParseTakesRulesThatBothDecide(t *testing.T) {
	for _, text := range []string{
		"      - max: 100MB\n        level: warn\n      - max: 200MB\n",
		"      - max: 100MB\n      - max: 200MB\n        of: unpacked\n",
		"      - max: 100MB\n      - max: 50MB\n        within: own\n",
		"      - growth: 1MB and 5%\n      - growth: 10MB and 1%\n",
		"      - growth: 10MB\n      - growth: 5%\n",
		"      - growth: 1MB and 1%\n      - growth: 5MB\n        level: warn\n        name: x\n        within: {layer: 1}\n",
		"      - require: [etc/x]\n      - forbid: [etc/x]\n        within: own\n",
		"      - require: [usr/bin/python3, python3]\n      - forbid: [python3/**, \"*.pem\", usr/bin/perl]\n",
		"      - require: [\"etc/*\"]\n      - forbid: etc/x\n",
		"      - base: debian\n      - base: [debian:bookworm, alpine]\n",
		"      - base: \"ghcr.io/**\"\n      - base: debian\n",
		"      - base: {pinned: true}\n      - base: debian\n",
		"      - user: app\n      - user: 1000\n",
		"      - user: [root, app]\n      - user: non-root\n",
	} {
		if got := mistakes(t, rules+text); got != nil {
			t.Errorf("%s%s", text, strings.Join(got, "\n"))
		}
	}
	if got := mistakes(t, head+"    baseline: a:1\n    anchor: a:1\n    rules: [{growth: 1MB}, {growth: 2MB, since: anchor}]\n"); got != nil {
		t.Error(got)
	}
}

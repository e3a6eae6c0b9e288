package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/cmd/report"
)

// Facts is what an image is now, of which Init makes a budget.
type Facts struct {
	Name, Ref                      string // the budget's name, and the reference; they may be anything
	Content, Unpacked, Reclaimable int64
	Layers                         int
	User                           string // as the image's configuration has it
	Baseline, Base                 string // "" is none that is known
}

// Init is a commented .layers.yaml with a budget for each image, which allows what the
// image is now and room to grow: a tenth, and at least 1 MB. Every kind of rule is in it,
// if only as a comment. Parse reads it without a mistake.
func Init(images []Facts) string {
	var b strings.Builder
	b.WriteString(initHead)
	names, patterns := map[string]bool{}, map[string]bool{}
	for i, f := range images {
		name := freeName(names, f.Name)
		writeBudget(&b, name, initPattern(patterns, name, f, i), f)
	}
	if len(images) == 0 {
		b.WriteString("  \"*\":\n    rules:\n      - growth: 1MB and 1%\n")
	}
	return b.String()
}

const initHead = `# What this team allows its images to be. "layers check" reads this file and fails when an
# image breaks a rule; numbers are what the images are now, with room to grow.
version: 1

# What it is when a baseline is not there: fail, warn or pass.
on-missing: fail

# An image has the first budget whose pattern matches.
images:
`

// freeName is a name that was not taken, and is now.
func freeName(taken map[string]bool, name string) string {
	const longest = 64 // runes: a key of YAML has at most 1024 bytes, escapes included
	name = clean(name)
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest])
	}
	if strings.TrimSpace(name) == "" {
		name = "image"
	}
	free := name
	for i := 2; taken[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	taken[free] = true
	return free
}

func writeBudget(b *strings.Builder, name, pattern string, f Facts) {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	reference := func(key, value, example string) {
		text := strings.ReplaceAll(clean(value), "{{", `{{"{{"}}`)
		if strings.TrimSpace(text) == "" || len(text) > longestReference {
			line("    # %s: %s", key, example)
			return
		}
		line("    %s: %s", key, scalar(text))
	}
	line("  %s:", scalar(name))
	line("    # What \"layers check\" looks at if it is told no image.")
	reference("image", f.Ref, "app:pr")
	line("    # The references that this is for. * is anything within a part; a name alone is that")
	line("    # of any repository, with any tag.")
	if pattern == name {
		line("    # match: [%s, \"ghcr.io/acme/app:pr-*\"]", scalar(name))
	} else {
		line("    match: [%s]", scalar(pattern))
	}
	line("    # What the image is to replace, and a fixed point, so that small growth does not add up.")
	reference("baseline", f.Baseline, "app:main")
	line("    # anchor: app:1.0")
	line("    # What it is built on, if the program cannot find out.")
	reference("base", f.Base, "debian:bookworm-slim")
	line("    # platforms: [linux/amd64, linux/arm64]")
	writeRules(b, f)
	b.WriteString(initWaivers)
}

// initPattern is the first pattern that is one, and that no budget has: the name, if
// that is what it was to be, the reference, or a word that matches no image.
func initPattern(taken map[string]bool, name string, f Facts, i int) string {
	candidates := []string{escapePattern(clean(f.Ref)), fmt.Sprintf("no-image-%d", i+1)}
	if name == f.Name && escapePattern(name) == name {
		candidates = slices.Insert(candidates, 0, name)
	}
	for _, p := range candidates {
		if checkPattern(p) == nil && !taken[p] {
			taken[p] = true
			return p
		}
	}
	return name
}

func writeRules(b *strings.Builder, f Facts) {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	off := func(on bool) string {
		if on {
			return ""
		}
		return "# "
	}
	line("    rules:")
	line("      # Compressed bytes, which a pull moves: now %s.", report.SI.Bytes(f.Content))
	line("      - max: %s", room(f.Content))
	line("      # Bytes of the files in the layers: now %s.", report.SI.Bytes(f.Unpacked))
	line("      - max: %s\n        of: unpacked", room(f.Unpacked))
	line("      # A rule may be about a part: own (above the base), {layer: 3}, {step: \"RUN pip *\"},")
	line("      # {path: \"app/**\"} or {package: python/torch*}.")
	line("      # - max: 50MB\n      #   within: own\n      #   name: our-part\n      #   level: warn\n      #   why: What we add must stay small.")
	baseline := off(f.Baseline != "")
	line("      # Growth since the baseline; \"or\" instead of \"and\" lets one be enough.")
	line("      %s- growth: 1MB and 1%%", baseline)
	line("      # - growth: 10%%\n      #   since: anchor")
	line("      # What a host that has the baseline must fetch, and layers that were built again and")
	line("      # differ from the baseline's by nothing but times.")
	line("      # - fetch: %s\n      # - rebuilt-for-nothing: 0", room(f.Content/2))
	layers := min(max(f.Layers, 0), 1_000_000)
	line("      - layers: %d", layers+1+layers/10)
	line("      # Bytes that layers carry and no container sees: now %s.", report.SI.Bytes(f.Reclaimable))
	line("      - reclaimable: %s", room(f.Reclaimable))
	line("      # Bytes of files that the image has several times.\n      # - duplicate: 5MB")
	line("      # What must be in no layer, even if a later one deletes it.")
	line("      - forbid:\n          paths: [%s]\n          secrets: true\n          # setuid: true", quoted(slices.Concat(versionControl(), privateKeys())))
	line("      # - require: [etc/os-release]")
	line("      # - base: {is: [debian:bookworm-slim], max-age: 90d, pinned: true}")
	line("      # Who it runs as: non-root, or names and numbers.")
	line("      %s- user: non-root", off(runsAsOther(f.User)))
	line("      # - platforms: [linux/amd64, linux/arm64]")
}

const initWaivers = `    # A waiver lets a rule be broken until the end of a day, UTC.
    # waivers:
    #   - rule: growth
    #     path: usr/share/**
    #     allow: 20MB
    #     until: 2026-12-31
    #     reason: The new fonts; they go to a volume with the next release.
    #     owner: web team
`

// runsAsOther says whether a user of an image's configuration is not root.
func runsAsOther(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name != "" && name != "root" && strings.Trim(name, "0") != ""
}

// room is a size with a tenth more, and at least 1 MB more, rounded up to two digits.
func room(n int64) string {
	const most = 9_200_000_000_000_000_000 // the last that has two digits
	n = max(n, 0)
	if n > most/10*9 {
		return "9.2EB"
	}
	n += max(n/10, 1_000_000)
	scale := int64(1)
	for (n+scale-1)/scale >= 100 {
		scale *= 10
	}
	tens := (n + scale - 1) / scale
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	unit := int64(1)
	i := 0
	for tens*scale/unit >= 1000 {
		unit *= 1000
		i++
	}
	return strconv.FormatFloat(float64(tens*scale)/float64(unit), 'f', -1, 64) + units[i]
}

// clean makes UTF-8 of what is none, and takes out NULs, which no file may have.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// escapePattern makes a pattern of a text that matches nothing else.
func escapePattern(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`).Replace(text)
}

func quoted(texts []string) string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = strconv.Quote(s)
	}
	return strings.Join(out, ", ")
}

// scalar writes a text in one line, in quotes but where it is plain in any YAML. Go's
// escapes are YAML's, too, of a text that is UTF-8.
func scalar(text string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const plain = letters + "0123456789._-/:@"
	n := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	words := []string{"y", "n", "yes", "no", "on", "off"} // which older YAML takes for truth values
	if strings.Trim(text, plain) == "" && text != "" && strings.Contains(letters, text[:1]) && !strings.HasSuffix(text, ":") &&
		n.ShortTag() == "!!str" && !slices.Contains(words, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

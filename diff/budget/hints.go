package budget

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
)

// A hint is given only where what was found and the step that made it both speak for it:
// one that is wrong costs more than none.

// cacheDir is a directory that only a build needs, the tool that fills it, and what keeps
// it out of the layer.
type cacheDir struct {
	code string
	dirs []string // from the root
	tool string   // an expression of the step, which must run it
	hint Hint
}

var cacheDirs = []cacheDir{
	{"apt-lists", []string{"var/lib/apt/lists"}, `\bapt(-get)?\b.*\bupdate\b`, Hint{
		Text: "remove the package lists in the step that fetched them", Example: "rm -rf /var/lib/apt/lists/*"}},
	{"apt-archives", []string{"var/cache/apt"}, `\bapt(-get)?\b`, Hint{
		Text: "keep what apt caches out of the layer", Example: "RUN --mount=type=cache,target=/var/cache/apt"}},
	{"apk-cache", []string{"var/cache/apk", "etc/apk/cache"}, `\bapk\b`, Hint{
		Text: "have apk keep nothing", Example: "apk add --no-cache"}},
	{"dnf-cache", []string{"var/cache/dnf", "var/cache/yum", "var/cache/libdnf5"}, `\b(dnf5?|yum|microdnf)\b`, Hint{
		Text: "remove the package manager's cache in the same step", Example: "dnf clean all"}},
	{"pip-cache", []string{"root/.cache/pip"}, `\b(pip3?|poetry|python3? -m pip)\b`, Hint{
		Text: "have pip keep no cache in the layer", Example: "pip install --no-cache-dir"}},
	{"uv-cache", []string{"root/.cache/uv"}, `\buv\b`, Hint{
		Text: "keep uv's cache out of the layer", Example: "RUN --mount=type=cache,target=/root/.cache/uv"}},
	{"npm-cache", []string{"root/.npm"}, `\b(npm|npx)\b`, Hint{
		Text: "keep npm's cache out of the layer", Example: "RUN --mount=type=cache,target=/root/.npm"}},
	{"yarn-cache", []string{"usr/local/share/.cache/yarn", "root/.cache/yarn"}, `\byarn\b`, Hint{
		Text: "keep yarn's cache out of the layer", Example: "RUN --mount=type=cache,target=/usr/local/share/.cache/yarn"}},
	{"go-cache", []string{"root/.cache/go-build", "root/go/pkg/mod", "go/pkg/mod"}, `\bgo (build|install|mod|test|run|get)\b`, Hint{
		Text: "build in a stage of its own, and copy the program out of it", Example: "COPY --from=build /app /app"}},
	{"cargo-cache", []string{"root/.cargo/registry", "usr/local/cargo/registry"}, `\bcargo\b`, Hint{
		Text: "build in a stage of its own, and copy the program out of it", Example: "COPY --from=build /app /app"}},
	{"maven-cache", []string{"root/.m2"}, `\b(mvn|mvnw)\b`, Hint{
		Text: "keep Maven's repository out of the layer", Example: "RUN --mount=type=cache,target=/root/.m2"}},
	{"gradle-cache", []string{"root/.gradle"}, `\b(gradle|gradlew)\b`, Hint{
		Text: "keep Gradle's caches out of the layer", Example: "RUN --mount=type=cache,target=/root/.gradle"}},
}

// copied are names that are copied along by mistake, each a line of .dockerignore.
var copied = []string{".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".terraform", ".idea", ".vscode"}

// runs reports whether a step is a command that matches an expression.
func runs(step *diff.Step, expression string) bool {
	return step != nil && !copies(step) && regexp.MustCompile("(?s)"+expression).MatchString(stepText(step))
}

func stepText(step *diff.Step) string {
	if step.CreatedBy != "" {
		return step.CreatedBy
	}
	return step.Short
}

// copies reports whether a step copies files from the build's context: one that copies
// from another stage does not.
func copies(step *diff.Step) bool {
	if step == nil {
		return false
	}
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(stepText(step), "/bin/sh -c "), "#(nop) "))
	return (strings.HasPrefix(text, "COPY ") || strings.HasPrefix(text, "ADD ")) && !strings.Contains(text, "--from=")
}

// hintForbidden says how to keep out what must not be there.
func hintForbidden(img *Image, out *Result) *Hint {
	for i := range out.Matches {
		m := &out.Matches[i]
		if m.Named == nil || m.Below {
			continue
		}
		step := img.Layers[m.Layer-1].Step
		if h := hintCopied(step, m.Path); h != nil {
			return h
		}
		if h := hintCache(step, m.Path); h != nil {
			return h
		}
		if m.What == "private key" && copies(step) {
			return &Hint{
				Code: "secret", Text: "whoever pulled this image has the key: replace it, and give it to the build as a secret",
				File: "Dockerfile", Example: "RUN --mount=type=secret,id=key",
			}
		}
		if m.DeletedBy > 0 && !copies(step) && step != nil {
			return &Hint{
				Code: "same-step", Text: "remove it in the step that makes it: a later step only hides it",
				File: "Dockerfile",
			}
		}
	}
	return nil
}

// hintCopied is a line of .dockerignore for what was copied by mistake. Builders that write
// #(nop) do not say from where: what other stages make, as node_modules, may be meant to be
// there.
func hintCopied(step *diff.Step, path string) *Hint {
	if !copies(step) {
		return nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if slices.Contains(copied, name) && (versionControl[name] || !strings.Contains(stepText(step), "#(nop)")) {
			return &Hint{
				Code: "dockerignore", Text: "keep " + name + " out of what is copied: add it to .dockerignore",
				File: ".dockerignore", Example: "**/" + name,
			}
		}
	}
	return nil
}

// hintCache is how to keep out what only the build needs.
func hintCache(step *diff.Step, path string) *Hint {
	for _, c := range cacheDirs {
		for _, dir := range c.dirs {
			if (path == dir || strings.HasPrefix(path, dir+"/")) && runs(step, c.tool) {
				h := c.hint
				h.Code, h.File = c.code, "Dockerfile"
				return &h
			}
		}
	}
	return nil
}

// share is the part of a cause that something must be of for a hint to be about it.
const share = 0.2

// hintCauses says how to undo the largest of the causes.
func hintCauses(out *Result) *Hint {
	for i := range out.Causes {
		if h := hintCause(&out.Causes[i]); h != nil {
			return h
		}
	}
	return nil
}

func hintCause(c *Cause) *Hint {
	if c.Relation == diff.Gone {
		return nil
	}
	if runs(c.Step, `^(RUN )?(/bin/sh -c )?(#\s+)?ch(mod|own) [^;&|]*$`) && c.Bytes > 0 { // and nothing else
		return hintAttributes()
	}
	var total int64
	for _, p := range c.Parts {
		total = plus(total, max(p.Change, 0))
	}
	enough := func(bytes int64) bool { return total > 0 && float64(bytes) >= share*float64(total) }
	for _, p := range c.Parts {
		if p.Named == nil || !enough(p.Change) {
			continue
		}
		if h := hintCopied(c.Step, p.Path); h != nil {
			return h
		}
		if h := hintCache(c.Step, p.Path); h != nil {
			return h
		}
	}
	for _, f := range c.Files {
		if enough(f.Bytes) {
			if h := hintCopied(c.Step, f.Path); h != nil {
				return h
			}
		}
	}
	return hintPackages(c, enough)
}

// tools are packages that build others, and that no program needs when it runs.
var tools = []string{"build-essential", "gcc", "g++", "clang", "llvm", "make", "cmake", "rustc", "golang", "binutils", "cpp", "linux-libc-dev"}

// hintPackages is about packages that a step installed.
func hintPackages(c *Cause, enough func(int64) bool) *Hint {
	var building, debs int64
	for _, p := range c.Parts {
		if p.Package == nil {
			continue
		}
		if p.Package.Kind == "deb" {
			debs += p.Change
		}
		if isTool(p.Package.Name) {
			building += p.Change
		}
	}
	switch {
	case building > 0 && enough(building):
		return &Hint{
			Code: "stage", Text: "build in a stage of its own, and copy what it makes: compilers are not needed to run",
			File: "Dockerfile", Example: "COPY --from=build /app /app",
		}
	case enough(debs) && runs(c.Step, `\bapt(-get)?\b.*\binstall\b`) && !runs(c.Step, `--no-install-recommends|APT::Install-Recommends`):
		return &Hint{
			Code: "recommends", Text: "install what is needed, without what is only recommended",
			File: "Dockerfile", Example: "apt-get install --no-install-recommends",
		}
	}
	return nil
}

func isTool(name string) bool {
	return slices.ContainsFunc(tools, func(t string) bool {
		rest, ok := strings.CutPrefix(name, t)
		return ok && (rest == "" || rest[0] == '-' && strings.Trim(rest[1:], "0123456789.") == "")
	}) || strings.HasSuffix(name, "-dev")
}

// hiders are the bytes that layers hide of those below, by how they do.
type hiders struct {
	tocs              []*layer.TOC
	deleted, replaced map[int]int64
}

func (h *hiders) add(c *layer.Copy) error {
	e, err := h.tocs[c.HiddenBy].Lookup(c.Path)
	switch {
	case errors.Is(err, layer.ErrNotExist), err == nil && e.Kind == layer.Absent:
		h.deleted[c.HiddenBy] = plus(h.deleted[c.HiddenBy], c.Bytes)
	case err != nil:
		return err
	default:
		h.replaced[c.HiddenBy] = plus(h.replaced[c.HiddenBy], c.Bytes)
	}
	return nil
}

// hintReclaimable says how to get rid of what layers carry for nothing: by the steps that
// hide most, else by what is hidden.
func hintReclaimable(img *Image, out *Result, h *hiders) *Hint {
	enough := func(bytes int64) bool { return float64(bytes) >= share*float64(out.Measured) }
	for n := range img.Layers {
		step := img.Layers[n].Step
		if enough(h.replaced[n]) && runs(step, `\b(chmod|chown)\b`) {
			return hintAttributes()
		}
		if enough(h.deleted[n]) && runs(step, `\b(rm|clean|purge|autoremove|remove|uninstall)\b`) {
			return &Hint{
				Code: "same-step", Text: "remove files in the step that makes them: a later step only hides them",
				File: "Dockerfile",
			}
		}
	}
	for _, c := range out.Causes {
		for _, f := range c.Files {
			if hint := hintCache(c.Step, f.Path); hint != nil && enough(f.Bytes) {
				return hint
			}
		}
	}
	return nil
}

func hintAttributes() *Hint {
	return &Hint{
		Code: "copy-attributes", Text: "set owners and modes when files are copied: changing them later stores the files again",
		File: "Dockerfile", Example: "COPY --chown=app:app --chmod=755",
	}
}

func hintRebuilt() *Hint {
	return &Hint{
		Code: "reproducible", Text: "build with fixed times, so that what is the same has the same digest",
		Example: "SOURCE_DATE_EPOCH=0 docker buildx build --output type=image,rewrite-timestamp=true",
	}
}

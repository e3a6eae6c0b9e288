package inspect

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// ShortStep returns a build step, as the history of an image tells it, in a form
// for people: the command that was run, without the shell around it and without
// what every such command does besides its point. It understands what Docker,
// BuildKit, buildah, podman and kaniko write, and leaves what it does not know
// as it is, in one line. The result is not escaped for terminals.
func ShortStep(createdBy, comment string) string {
	return limit(or(pointOf(createdBy, comment), fold(createdBy)))
}

// longestStep bounds how much of a step is looked at.
const longestStep = 32 << 10

func pointOf(createdBy, comment string) string {
	createdBy, comment = createdBy[:min(len(createdBy), longestStep)], comment[:min(len(comment), longestStep)]
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(createdBy), "# buildkit"))
	comment = strings.TrimSpace(comment)
	if isMachineComment(comment) {
		comment = ""
	}
	if text == "" {
		return shortHashes(fold(comment))
	}
	if s, ok := strings.CutPrefix(text, "/bin/sh -c #(nop)"); ok {
		return shortHashes(fold(s))
	}
	if script, ok := runScript(text); ok {
		return shortScript(script)
	}
	short := shortHashes(fold(strings.TrimPrefix(text, "# ")))
	if comment != "" && !instruction().MatchString(text) && !strings.Contains(short, comment) {
		short += " (" + fold(comment) + ")"
	}
	return short
}

var (
	instruction = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s`)
	})
	runFlags    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:--(?:mount|network|security|device)=\S+\s+)+`) })
	shellPrefix = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:/(?:usr/)?(?:local/)?bin/)?(?:ba|da|a|z|k)?sh(?:\s+-[a-zA-Z]+(?:\s+pipefail)?)*?\s+-[a-zA-Z]*c(?:\s+|$)`)
	})
	cmdPrefix   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^cmd(?:\.exe)?\s+/S\s+/C\s+`) })
	heredocShow = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^<<-?['"]?\w+['"]?\s*\((?s:(.*))\)$`) })
	heredoc     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^<<-?['"]?(\w+)['"]?[ \t]*\r?\n`) })
	longHash    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b[0-9a-f]{32,}\b`) })
)

func isMachineComment(comment string) bool {
	return strings.HasPrefix(comment, "buildkit.") || strings.HasPrefix(comment, "FROM ")
}

// runScript returns the script that a step ran, if it ran one.
func runScript(text string) (string, bool) {
	rest, isRun := strings.CutPrefix(text, "RUN ")
	rest = strings.TrimLeft(rest, " \t")
	rest = runFlags().ReplaceAllString(rest, "")
	rest, hadArgs := cutBuildArgs(rest)
	for _, prefix := range []*regexp.Regexp{shellPrefix(), cmdPrefix()} {
		if loc := prefix.FindStringIndex(rest); loc != nil {
			return cutHeredoc(rest[loc[1]:]), true
		}
	}
	return cutHeredoc(rest), isRun || hadArgs
}

// cutBuildArgs takes away "|2 NAME=value NAME=value", which stands before the
// shell of a step that build arguments were given to. Values are not quoted and
// may hold blanks, so the shell is what ends the last one.
func cutBuildArgs(s string) (string, bool) {
	if !strings.HasPrefix(s, "|") {
		return s, false
	}
	digits, rest, ok := strings.Cut(s[1:], " ")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 {
		return s, false
	}
	for i := 0; i < len(rest); i++ {
		if (i == 0 || rest[i-1] == ' ') && shellPrefix().MatchString(rest[i:]) {
			return rest[i:], true
		}
		next := strings.IndexByte(rest[i:], ' ')
		if next < 0 {
			break
		}
		i += next
	}
	return cutWords(rest, n), true
}

// cutWords drops the first n words.
func cutWords(s string, n int) string {
	list := words(s)
	return strings.Join(list[min(n, len(list)):], " ")
}

// cutHeredoc returns the lines inside a here-document, without a "#!" line.
func cutHeredoc(script string) string {
	if m := heredocShow().FindStringSubmatch(script); m != nil {
		script = m[1]
	} else if m := heredoc().FindStringSubmatch(script); m != nil {
		script = strings.TrimSuffix(strings.TrimSpace(script[len(m[0]):]), m[1])
	}
	if strings.HasPrefix(script, "#!") {
		if _, after, ok := strings.Cut(script, "\n"); ok {
			return after
		}
	}
	return script
}

func shortHashes(s string) string {
	return longHash().ReplaceAllStringFunc(s, func(h string) string { return h[:12] + "…" })
}

// shortLimit is how long, in characters, a short step may be; enough for a wide
// terminal.
const shortLimit = 200

func limit(s string) string {
	n := 0
	for i := range s {
		if n == shortLimit-1 && i < len(s)-1 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
		n++
	}
	return s
}

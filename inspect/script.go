package inspect

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// pointLength is the length, in characters, from which on a script is cut down
// to the names of its commands.
const pointLength = 72

// shortScript returns the point of a script in one line.
func shortScript(script string) string {
	commands := splitScript(script)
	whole := strings.Join(commands, "; ")
	var kept []string
	for _, c := range commands {
		if !routine().MatchString(c) {
			kept = append(kept, shortCommand(c))
		}
	}
	if len(kept) == 0 {
		return or(shortHashes(whole), fold(script))
	}
	short := shortHashes(strings.Join(kept, "; "))
	if len(kept) < 3 || utf8.RuneCountInString(short) <= pointLength {
		return short
	}
	return or(commandNames(kept), short)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// routine matches the commands that stand in nearly every build step and say
// nothing about it.
var routine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:` + strings.Join(routineCommands, "|") + `)\s*$`)
})

var routineCommands = []string{
	`set [-+][a-zA-Z]+(?: pipefail)?`,
	`true|:|exit 0`,
	`export DEBIAN_FRONTEND=\S+`,
	`(?:\w+=\S+ )*(?:sudo )?(?:apt-get|apt|apk|yum|dnf|microdnf|tdnf|zypper|pacman)(?: -\S+)* (?:update|clean|autoclean|autoremove|refresh|clean all|makecache)(?: (?:-\S+|all))*`,
	`rm (?:-\S+ )+(?:/(?:var/lib/apt/lists|var/cache/(?:apt|apk|yum|dnf|ldconfig|debconf)|var/log|tmp|var/tmp|root/\.cache|root/\.npm|usr/share/(?:doc|man))\S*(?: |$))+`,
}

// installers are the commands whose options say less than what they install.
var installers = map[string][]string{
	"apt-get": {"install"}, "apt": {"install"}, "apk": {"add"}, "yum": {"install"},
	"dnf": {"install"}, "microdnf": {"install"}, "tdnf": {"install"}, "zypper": {"install", "in"},
	"pip": {"install"}, "pip3": {"install"}, "npm": {"install", "ci", "i"}, "gem": {"install"},
}

// withValue are the options of installers that take the next word with them.
var withValue = []string{"-o", "-t", "--target-release", "--virtual", "-X", "--repository", "-c"}

var assignment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=`) })

// shortCommand takes the options out of a command that installs packages.
func shortCommand(command string) string {
	list := words(command)
	for len(list) > 1 && (assignment().MatchString(list[0]) || list[0] == "sudo") {
		list = list[1:]
	}
	if len(list) < 2 {
		return command
	}
	verbs, ok := installers[list[0]]
	operands := dropOptions(list[1:])
	if !ok || len(operands) < 2 || !slices.Contains(verbs, operands[0]) {
		return command
	}
	return list[0] + " " + strings.Join(operands, " ")
}

func dropOptions(list []string) []string {
	var out []string
	for i := 0; i < len(list); i++ {
		switch {
		case slices.Contains(withValue, list[i]):
			i++
		case !strings.HasPrefix(list[i], "-"):
			out = append(out, list[i])
		}
	}
	return out
}

// aside are the commands of long scripts that prepare or tidy up.
var aside = []string{"cd", "echo", "export", "unset", "mkdir", "rm", "rmdir", "[", "[[", "test", "true", "command",
	"gpg", "gpgconf", "gpgv", "sha256sum", "sha512sum", "sha1sum", "md5sum", "apt-mark", "ldconfig", "chmod", "chown",
	"if", "elif", "else", "fi", "for", "while", "done", "case", "esac", "find", "{", "}", "which", "printf", "exit",
	"apt-get", "apt", "apk", "tar", "unzip", "strip", "readelf", "dpkg-query", "touch"}

// commandNames returns a script as its commands' names, each with its first
// operand: "wget python.tar.xz; ./configure; make". It is "" if nothing is left.
func commandNames(commands []string) string {
	var out []string
	for _, c := range commands {
		name := commandName(c)
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, "; ")
}

func commandName(command string) string {
	list := words(command)
	for len(list) > 0 && (assignment().MatchString(list[0]) || list[0] == "then" || list[0] == "do" || list[0] == "sudo") {
		list = list[1:]
	}
	if len(list) == 0 {
		return ""
	}
	verbs := installers[list[0]]
	operands := dropOptions(list[1:])
	if len(operands) > 1 && slices.Contains(verbs, operands[0]) {
		return list[0] + " " + strings.Join(operands[:min(len(operands), 5)], " ") + more(len(operands) > 5)
	}
	if slices.Contains(aside, list[0]) {
		return ""
	}
	if i := slices.IndexFunc(operands, func(o string) bool { return o == ">" || o == ">>" }); i >= 0 && i+1 < len(operands) {
		return list[0] + " " + operands[i] + " " + shortHashes(operands[i+1])
	}
	if last := len(operands) - 1; last > 0 && slices.Contains(copiers, list[0]) && isOperand(operands[last]) {
		return list[0] + " … " + shortHashes(operands[last])
	}
	for _, o := range operands {
		if isOperand(o) {
			return list[0] + " " + shortHashes(o)
		}
	}
	return list[0]
}

// copiers are the commands whose point is where they write: their last operand.
var copiers = []string{"cp", "mv", "install", "ln"}

func more(yes bool) string {
	if yes {
		return " …"
	}
	return ""
}

// isOperand reports whether a word says something by itself.
func isOperand(word string) bool {
	return !strings.ContainsAny(word, "$|<>=(){}`") && word != "" && word[0] != '2'
}

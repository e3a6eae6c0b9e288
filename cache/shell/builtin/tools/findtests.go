//go:build linux

package tools

import (
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/pattern"
)

// plain are the tests and actions without a value.
func (p *parser) plain(word string) (test, bool) {
	f := p.finder
	action := func(t test) (test, bool) {
		f.acts = true
		return t, true
	}
	switch word {
	case "-print":
		return action(f.print)
	case "-print0":
		return action(func(v *visit) (bool, error) {
			_, err := f.out.WriteString(v.path + "\x00")
			return true, err
		})
	case "-ls":
		return action(f.ls)
	case "-prune":
		return func(v *visit) (bool, error) { v.pruned = true; return true, nil }, true
	case "-quit":
		return action(func(*visit) (bool, error) { return false, errQuit })
	case "-true":
		return yes, true
	case "-false":
		return not(yes), true
	case "-xdev", "-mount":
		f.oneDevice = true
		return yes, true
	case "-empty":
		return f.empty, true
	case "-nouser":
		return func(v *visit) (bool, error) { return f.user(v.Uid) == "", nil }, true
	case "-nogroup":
		return func(v *visit) (bool, error) { return f.group(v.Gid) == "", nil }, true
	}
	return nil, false
}

// valued makes a test of a value; nil if there is none of the name.
func (p *parser) valued(word string) func(string) (test, error) {
	f := p.finder
	switch word {
	case "-name", "-iname":
		return matching(word == "-iname", func(v *visit) string { return base(v.path) })
	case "-path", "-ipath", "-wholename":
		return matching(word == "-ipath", func(v *visit) string { return v.path })
	case "-type":
		return ofType
	case "-size":
		return ofSize
	case "-perm":
		return ofMode
	case "-newer":
		return f.newer
	case "-user":
		return owned(func(v *visit) uint32 { return v.Uid }, f.user, &f.users)
	case "-group":
		return owned(func(v *visit) uint32 { return v.Gid }, f.group, &f.groups)
	case "-uid":
		return numbered(func(v *visit) int64 { return int64(v.Uid) })
	case "-gid":
		return numbered(func(v *visit) int64 { return int64(v.Gid) })
	case "-links":
		return numbered(func(v *visit) int64 { return int64(v.Nlink) })
	case "-inum":
		return numbered(func(v *visit) int64 { return int64(v.Ino) })
	case "-mtime":
		return numbered(func(v *visit) int64 { return (f.now.Unix() - v.Mtim.Sec) / 86400 })
	case "-mmin":
		return numbered(func(v *visit) int64 { return (f.now.Unix() - v.Mtim.Sec + 59) / 60 })
	case "-maxdepth":
		return limit(&f.maxDepth)
	case "-mindepth":
		return limit(&f.minDepth)
	}
	return nil
}

func base(name string) string {
	if trimmed := strings.TrimRight(name, "/"); trimmed != "" {
		return path.Base(trimmed)
	}
	return "/"
}

func matching(fold bool, of func(*visit) string) func(string) (test, error) {
	return func(value string) (test, error) {
		matches, err := glob(value, fold)
		return func(v *visit) (bool, error) { return matches(of(v)), nil }, err
	}
}

// glob is fnmatch(3) without flags: * and ? also match a slash and a dot.
func glob(value string, fold bool) (func(string) bool, error) {
	mode := pattern.EntireString | pattern.GlobLeadingDot
	if fold {
		mode |= pattern.NoGlobCase
	}
	text, err := pattern.Regexp(value, mode)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}

func numbered(of func(*visit) int64) func(string) (test, error) {
	return func(value string) (test, error) {
		c, err := compare(value)
		if err != nil {
			return nil, errors.New("it is a number, with + or - before it")
		}
		return func(v *visit) (bool, error) { return c.with(of(v)), nil }, nil
	}
}

func owned(of func(*visit) uint32, name func(uint32) string, all *names) func(string) (test, error) {
	return func(value string) (test, error) {
		id, ok := number(value, name, all)
		if !ok {
			return nil, errors.New("nobody of that name is here")
		}
		return func(v *visit) (bool, error) { return of(v) == id, nil }, nil
	}
}

func limit(to *int) func(string) (test, error) {
	return func(value string) (test, error) {
		c, err := compare(value)
		if err != nil || c.sign != 0 {
			return nil, errors.New("it is a number")
		}
		*to = int(min(c.n, 1<<30))
		return yes, nil
	}
}

func ofType(value string) (test, error) {
	for letter := range strings.SplitSeq(value, ",") {
		if len(letter) != 1 || !strings.Contains("fdlpscb", letter) {
			return nil, errors.New("it is one of f d l p s c b, or several with commas")
		}
	}
	return func(v *visit) (bool, error) {
		letter := string(typeLetter(v.Mode))
		return strings.Contains(value, strings.Replace(letter, "-", "f", 1)), nil
	}, nil
}

func ofSize(value string) (test, error) {
	digits := strings.TrimRight(value, "cwbkMG")
	unit, ok := map[string]int64{"": 512, "c": 1, "w": 2, "b": 512, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30}[value[len(digits):]]
	c, err := compare(digits)
	if err != nil || !ok {
		return nil, errors.New("it is a number of blocks, or of the unit c w b k M G")
	}
	return func(v *visit) (bool, error) { return c.with(v.Size/unit + min(v.Size%unit, 1)), nil }, nil
}

func ofMode(value string) (test, error) {
	kind := byte(0)
	if value != "" && (value[0] == '-' || value[0] == '/') {
		kind, value = value[0], value[1:]
	}
	want, err := parseMode(value)
	if err != nil {
		return nil, err
	}
	return func(v *visit) (bool, error) {
		mode := v.Mode & 0o7777
		switch kind {
		case '-':
			return mode&want == want, nil
		case '/':
			return mode&want != 0 || want == 0, nil
		}
		return mode == want, nil
	}, nil
}

func (f *finder) newer(value string) (test, error) {
	st, err := status(unix.AT_FDCWD, f.at(value), true)
	return func(v *visit) (bool, error) { return newer(v.Mtim, st.Mtim) > 0, nil }, err
}

// empty is a file without bytes, or a directory without names.
func (f *finder) empty(v *visit) (bool, error) {
	if isReg(&v.Stat_t) {
		return v.Size == 0, nil
	}
	if !isDir(&v.Stat_t) {
		return false, nil
	}
	dir, err := openDir(v.dir, v.name, f.follow || v.depth == 0)
	if err != nil {
		f.fail(v.path, err)
		return false, nil
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return err == io.EOF, nil
}

// parseMode reads a mode in octal, or as u+s,g=w.
func parseMode(text string) (mode uint32, err error) {
	bad := errors.New("it is an octal mode, or as u+s,g+w")
	if text != "" && strings.Trim(text, "01234567") == "" {
		if _, err := fmt.Sscanf(text, "%o", &mode); err != nil || mode > 0o7777 {
			return 0, bad
		}
		return mode, nil
	}
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+=")
		if at < 0 || strings.Trim(clause[:at], "ugoa") != "" || strings.Trim(clause[at+1:], "rwxst") != "" {
			return 0, bad
		}
		mode |= symbolic(clause[:at], clause[at+1:])
	}
	return mode, nil
}

// symbolic are the bits that letters stand for.
func symbolic(who, what string) (mode uint32) {
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	for i, w := range []string{"u", "g", "o"} {
		if !strings.Contains(who, w) {
			continue
		}
		for j, bit := range []string{"r", "w", "x"} {
			if strings.Contains(what, bit) {
				mode |= 1 << (8 - 3*i - j)
			}
		}
	}
	if strings.Contains(what, "s") {
		if strings.Contains(who, "u") {
			mode |= unix.S_ISUID
		}
		if strings.Contains(who, "g") {
			mode |= unix.S_ISGID
		}
	}
	if strings.Contains(what, "t") {
		mode |= unix.S_ISVTX
	}
	return mode
}

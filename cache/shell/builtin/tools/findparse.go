//go:build linux

package tools

import (
	"strconv"
	"strings"
)

// parser reads the expression of find.
type parser struct {
	*finder
	args  []string
	depth int // of parentheses
}

// maxParentheses is how deep they may be in each other.
const maxParentheses = 1000

// parse reads the arguments, and returns the paths.
func (f *finder) parse() (paths []string, err error) {
	args := f.Args
	for len(args) > 0 && (args[0] == "-L" || args[0] == "-H" || args[0] == "-P") {
		f.follow, f.followNamed = args[0] == "-L", args[0] == "-H"
		args = args[1:]
	}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "(" && args[0] != "!" {
		paths, args = append(paths, args[0]), args[1:]
	}
	p := &parser{finder: f, args: args}
	expression := yes
	if len(args) > 0 {
		if expression, err = p.or(); err != nil {
			return nil, err
		}
	}
	if len(p.args) > 0 {
		return nil, misused("%s is one ) too many, or a path that comes too late", quoted(p.args[0]))
	}
	if !f.acts {
		expression = and(expression, f.print)
	}
	f.test = expression
	return paths, nil
}

func yes(*visit) (bool, error) { return true, nil }

func and(a, b test) test {
	return func(v *visit) (bool, error) {
		if ok, err := a(v); !ok || err != nil {
			return false, err
		}
		return b(v)
	}
}

func or(a, b test) test {
	return func(v *visit) (bool, error) {
		if ok, err := a(v); ok || err != nil {
			return ok, err
		}
		return b(v)
	}
}

func not(a test) test {
	return func(v *visit) (bool, error) {
		ok, err := a(v)
		return !ok, err
	}
}

// or is one alternative or more.
func (p *parser) or() (test, error) {
	all, err := p.and()
	for err == nil && p.next("-o", "-or") {
		var t test
		if t, err = p.and(); err == nil {
			all = or(all, t)
		}
	}
	return all, err
}

// and is one test or more, also without a word between them.
func (p *parser) and() (test, error) {
	all, err := p.not()
	for err == nil && len(p.args) > 0 && p.args[0] != ")" && p.args[0] != "-o" && p.args[0] != "-or" {
		p.next("-a", "-and")
		var t test
		if t, err = p.not(); err == nil {
			all = and(all, t)
		}
	}
	return all, err
}

func (p *parser) not() (test, error) {
	negated := false
	for p.next("!", "-not") {
		negated = !negated
	}
	t, err := p.primary()
	if err == nil && negated {
		t = not(t)
	}
	return t, err
}

// next takes the next word if it is one of two.
func (p *parser) next(a, b string) bool {
	if len(p.args) == 0 || p.args[0] != a && p.args[0] != b {
		return false
	}
	p.args = p.args[1:]
	return true
}

func (p *parser) primary() (test, error) {
	if len(p.args) == 0 {
		return nil, misused("the expression ends where a test is expected")
	}
	word := p.args[0]
	p.args = p.args[1:]
	if word == "(" {
		return p.group()
	}
	if t, ok := p.plain(word); ok {
		return t, nil
	}
	if word == "-exec" {
		return p.exec()
	}
	make := p.valued(word)
	if make == nil {
		return nil, misused("%s is no test that is known here", quoted(word))
	}
	if len(p.args) == 0 {
		return nil, misused("%s needs a value", word)
	}
	value := p.args[0]
	p.args = p.args[1:]
	t, err := make(value)
	if err != nil {
		return nil, misused("%s %s: %s", word, quoted(value), reason(err))
	}
	return t, nil
}

func (p *parser) group() (test, error) {
	if p.depth++; p.depth > maxParentheses {
		return nil, misused("more than %d parentheses in each other", maxParentheses)
	}
	t, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.next(")", ")") {
		return nil, misused("a ( without a )")
	}
	p.depth--
	return t, nil
}

// compared is a number to compare with: N, +N for more, -N for less.
type compared struct {
	sign byte
	n    int64
}

func compare(text string) (c compared, err error) {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		c.sign, text = text[0], text[1:]
	}
	n, err := strconv.ParseUint(text, 10, 62)
	c.n = int64(n)
	return c, err
}

func (c compared) with(n int64) bool {
	switch c.sign {
	case '+':
		return n > c.n
	case '-':
		return n < c.n
	}
	return n == c.n
}

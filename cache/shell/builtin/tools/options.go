//go:build linux

package tools

import "strings"

// option is an option that was given.
type option struct {
	letter byte
	value  string
}

// options reads single-letter options before, between and after the operands, as
// getopt(3) does. A letter of spec with a colon after it takes a value. After --, all
// are operands.
func (c *call) options(spec string) (given []option, operands []string, err error) {
	args := c.Args
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return given, append(operands, args...), nil
		case len(arg) < 2 || arg[0] != '-':
			operands = append(operands, arg)
		default:
			var got []option
			if got, args, err = letters(spec, arg[1:], args); err != nil {
				return nil, nil, err
			}
			given = append(given, got...)
		}
	}
	return given, operands, nil
}

// letters reads the options in one argument; the value of the last may be the next.
func letters(spec, text string, next []string) (given []option, left []string, err error) {
	for i := range len(text) {
		at := strings.IndexByte(spec, text[i])
		switch {
		case at < 0 || text[i] == ':':
			return nil, nil, misused("no option -%s", quoted(text[i:]))
		case at+1 == len(spec) || spec[at+1] != ':':
			given = append(given, option{letter: text[i]})
		case i+1 < len(text):
			return append(given, option{text[i], text[i+1:]}), next, nil
		case len(next) == 0:
			return nil, nil, misused("-%c needs a value", text[i])
		default:
			return append(given, option{text[i], next[0]}), next[1:], nil
		}
	}
	return given, next, nil
}

package report

import (
	"bufio"
	"io"
)

// printer writes lines and keeps the first error.
type printer struct {
	w     *bufio.Writer
	color bool
	err   error
}

func newPrinter(w io.Writer, o Options) *printer {
	return &printer{w: bufio.NewWriterSize(w, 32<<10), color: o.Color}
}

func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = p.w.WriteString(s)
	}
}

// line writes one line, bold where there is colour and it is wanted.
func (p *printer) line(s string, bold bool) {
	if bold && p.color && s != "" {
		s = "\x1b[1m" + s + "\x1b[0m"
	}
	p.text(s)
	p.text("\n")
}

func (p *printer) lines(list []string) {
	for _, s := range list {
		p.line(s, false)
	}
}

func (p *printer) flush() error {
	if p.err == nil {
		p.err = p.w.Flush()
	}
	return p.err
}

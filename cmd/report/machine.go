package report

import (
	"encoding/csv"
	"io"
	"strings"
)

func (t *grid) writeJSONL(w io.Writer) error {
	out := newPrinter(w, Options{})
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		line, err := marshal(row.Value, "")
		if err != nil {
			return err
		}
		out.text(line)
		out.text("\n")
		if out.err != nil {
			return out.err
		}
	}
	return out.flush()
}

func (t *grid) keys() []string {
	var out []string
	for _, c := range t.Columns {
		if c.Key == "" {
			c.Key = strings.ToLower(c.Title)
		}
		out = append(out, c.Key)
	}
	return out
}

// writeCSV writes the rows with bytes as integers and digests whole. Names are
// escaped as in tables: JSON has their exact bytes.
func (t *grid) writeCSV(w io.Writer, o Options) error {
	out := csv.NewWriter(w)
	if !o.Continued {
		if err := out.Write(t.keys()); err != nil {
			return err
		}
	}
	record := make([]string, len(t.Columns))
	for row, err := range t.Rows {
		if err != nil {
			return err
		}
		for i, c := range row.Cells {
			record[i] = c.Raw
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (t *grid) writeMarkdown(w io.Writer) error {
	out := newPrinter(w, Options{})
	writeMarkdownText(out, t.Head)
	if len(t.Head) > 0 {
		out.text("\n")
	}
	if err := t.writeMarkdownRows(out); err != nil {
		return err
	}
	foot, err := t.foot()
	if err != nil {
		return err
	}
	if len(foot) > 0 {
		out.text("\n") // else it would be a row of the table
	}
	writeMarkdownText(out, foot)
	return out.flush()
}

// writeMarkdownText writes lines that stay lines, with one blank line between the
// paragraphs that blank ones part, and none around them.
func writeMarkdownText(out *printer, lines []string) {
	begun, parted := false, false
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			parted = begun
			continue
		}
		if parted {
			out.text("\n")
		}
		out.text(markdown(line) + "  \n") // two blanks: a line break
		begun, parted = true, false
	}
}

func (t *grid) writeMarkdownRows(out *printer) error {
	s := t.shown()
	rule := make([]string, len(s.Columns))
	titles := s.titles()
	for i, c := range s.Columns {
		rule[i] = "---"
		if c.Right {
			rule[i] = "---:"
		}
		if titles[i] == "" {
			titles[i] = c.Key
		}
	}
	writeMarkdownRow(out, titles)
	out.text("| " + strings.Join(rule, " | ") + " |\n")
	for row, err := range s.Rows {
		if err != nil {
			return err
		}
		writeMarkdownRow(out, texts(row))
		if out.err != nil {
			return out.err
		}
	}
	return nil
}

func writeMarkdownRow(out *printer, cells []string) {
	for _, c := range cells {
		out.text("| " + markdown(strings.TrimSpace(c)) + " ")
	}
	out.text("|\n")
}

// A mention is found in what is shown: behind a character of no width it is none.
var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"#", `\#`, "~", `\~`, "!", `\!`, "@", "&#64;&#8203;", "\n", " ")

// markdown takes the meaning from whatever has one in Markdown.
func markdown(s string) string { return strings.TrimRight(markdownEscapes.Replace(s), " ") }

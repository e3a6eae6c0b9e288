package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extended "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/layers/layers/diff/budget"
)

func parseMarkdown(source string) ast.Node {
	return goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader([]byte(source)))
}

func walk(t *testing.T, n ast.Node, f func(ast.Node) ast.WalkStatus) {
	t.Helper()
	err := ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		return f(n), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// textIn is the text right below a node.
func textIn(t *testing.T, n ast.Node, source string) string {
	t.Helper()
	var b strings.Builder
	walk(t, n, func(n ast.Node) ast.WalkStatus {
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value([]byte(source)))
		case *ast.String:
			b.Write(n.Value)
		}
		return ast.WalkContinue
	})
	return b.String()
}

// skeleton is a document without what stands in code, and fails the test where anything
// but our own HTML is more than text.
func skeleton(t *testing.T, source string) string {
	t.Helper()
	var b strings.Builder
	walk(t, parseMarkdown(source), func(n ast.Node) ast.WalkStatus {
		fmt.Fprintf(&b, "%s ", n.Kind())
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.RawHTML, *ast.CodeBlock, *ast.FencedCodeBlock, *extended.Strikethrough, *extended.TaskCheckBox:
			t.Errorf("%s in %q", n.Kind(), source)
		case *ast.HTMLBlock:
			html := strings.TrimSpace(string(n.Lines().Value([]byte(source))))
			marker := strings.HasPrefix(html, "<!-- layers check: ") && strings.Count(html, "--") == 2
			ours := strings.TrimSuffix(strings.TrimPrefix(html, "<details><summary>"), "</summary>")
			if !marker && html != "</details>" && strings.ContainsAny(ours, "<>&`@:") {
				t.Errorf("HTML %q", html)
			}
			if !marker {
				b.WriteString(html)
			}
		case *ast.CodeSpan:
			return ast.WalkSkipChildren
		case *ast.Text:
			fmt.Fprintf(&b, "%q", n.Segment.Value([]byte(source)))
		}
		return ast.WalkContinue
	})
	return b.String()
}

// alphabet are the characters that mean something, to some parser.
var alphabet = []rune("`|\\<>&;@#[]()!*_~$:/.-+= \"'%a1wé世\n\x1b\u202e\ufffd")

func randomName(r *rand.Rand) string {
	runes := make([]rune, 1+r.IntN(12))
	for i := range runes {
		runes[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(runes)
}

// Whatever a name is, the comment is the same but for what stands in code.
func TestCheckMarkdownHasOneSkeleton(t *testing.T) {
	want := skeleton(t, write(t, hostileCheck("NAME"), Options{Format: Markdown}))
	names, random := evil, rand.New(rand.NewPCG(1, 2))
	for range 60 {
		names = append(names, randomName(random))
	}
	for _, s := range names {
		got := skeleton(t, write(t, hostileCheck(s), Options{Format: Markdown}))
		if strings.TrimSpace(s) == "" || strings.ContainsAny(s, "\n") || len(s) > 100 { // no name to show; an example of several lines; no room for all
			continue
		}
		if got != want {
			t.Errorf("%q:\n%s\nwant\n%s", s, got, want)
		}
	}
}

// A code span shows exactly the name as it is escaped for display, in a paragraph and in
// the cell of a table.
func TestCodeShowsTheName(t *testing.T) {
	names, random := evil, rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		names = append(names, randomName(random))
	}
	for _, s := range names {
		want := (Options{}).Escape(s)
		if want == "" || utf8.RuneCountInString(want) > longest {
			continue
		}
		source := "x " + codeSpan(want) + " y\n"
		p := parseMarkdown(source).FirstChild()
		if p.ChildCount() != 3 || p.FirstChild().NextSibling().Kind() != ast.KindCodeSpan || textIn(t, p.FirstChild().NextSibling(), source) != want {
			t.Errorf("%q: %q is not %q", s, source, want)
		}
		source = "| a | b |\n| --- | --- |\n| " + codeCell(want) + " | y |\n"
		table := parseMarkdown(source).FirstChild()
		row := table.LastChild()
		shown := strings.ReplaceAll(want, `\|`, `\\x7c`)
		if table.Kind() != extended.KindTable || table.ChildCount() != 2 || row.ChildCount() != 2 || textIn(t, row.LastChild(), source) != "y" {
			t.Errorf("%q breaks the table: %q", s, source)
			continue
		}
		if cell := row.FirstChild(); cell.ChildCount() != 1 || cell.FirstChild().Kind() != ast.KindCodeSpan || textIn(t, cell, source) != shown {
			t.Errorf("%q: %q shows %q, not %q", s, source, textIn(t, cell, source), shown)
		}
	}
}

// No pipe of a name stands behind a backslash of the name: parsers do not agree on what
// that is.
func TestPipesInCellsAreEscapedOnce(t *testing.T) {
	for _, s := range evil {
		cell := codeCell((Options{}).Escape(s))
		if strings.Contains(cell, `\\|`) || strings.Count(cell, "|") != strings.Count(cell, `\|`) {
			t.Errorf("%q: %q", s, cell)
		}
	}
}

func TestCheckMarkdownIsBounded(t *testing.T) {
	many := hostileCheck(strings.Repeat("世`|", 200))
	for len(many.Images) < 400 {
		many.Images = append(many.Images, many.Images[0])
	}
	long := hostileCheck("x")
	for range 20000 {
		long.Images[0].Results[1].Matches = append(long.Images[0].Results[1].Matches, budget.Match{Named: named(strings.Repeat("name", 20))})
		long.Waivers = append(long.Waivers, long.Waivers[0])
	}
	rules := hostileCheck("x")
	for range 5000 {
		rules.Images[0].Results = append(rules.Images[0].Results, rules.Images[0].Results[0])
	}
	example := hostileCheck("x")
	example.Images[0].Results[0].Hint.Example = strings.Repeat("line\n", 100000)
	for name, r := range map[string]*budget.Report{"images": many, "matches": long, "rules": rules, "example": example} {
		text := write(t, r, Options{Format: Markdown})
		if n := utf8.RuneCountInString(text); n >= mostMarkdown || name != "example" && n < mostMarkdown/2 {
			t.Errorf("%s: %d characters", name, n)
		}
		if !strings.Contains(text, " left out here: ") && !strings.Contains(text, " more\n") {
			t.Errorf("%s: it does not say that something is left out: %q", name, text[len(text)-300:])
		}
		if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
			t.Errorf("%s: folds stay open", name)
		}
		skeleton(t, text)
	}
}

func TestCheckMarker(t *testing.T) {
	first := func(r *budget.Report, o Options) string {
		o.Format = Markdown
		line, _, _ := strings.Cut(write(t, r, o), "\n")
		return line
	}
	r := checked()
	for want, got := range map[string]string{
		"<!-- layers check: app:worker -->":        first(r, Options{}),
		"<!-- layers check: x/y_-_.:-_script_ -->": first(r, Options{Marker: "x/y>-->.:--<script>"}),
		"<!-- layers check: _ -->":                 first(r, Options{Marker: "世"}),
		"<!-- layers check: all -->":               first(&budget.Report{Images: []budget.ImageReport{}}, Options{}),
		"<!-- layers check: localhost:5000/team/a -->": first(&budget.Report{Images: []budget.ImageReport{
			{Name: "localhost:5000/team/a:pr-1"}, {Name: "localhost:5000/team/a:pr-2@sha256:abc"}}}, Options{}),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

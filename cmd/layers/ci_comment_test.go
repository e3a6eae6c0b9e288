package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
)

const mark = "<!-- layers check: app -->"

// commenting is a stage for a comment on a pull request.
func commenting(t *testing.T) *stage {
	s := newStage(t)
	s.write("check.md", mark+"\n### layers check: @team\n")
	s.env["MARKDOWN"] = filepath.Join(s.dir, "check.md")
	s.env["PULL_REQUEST"], s.env["GH_TOKEN"] = "12", "secret"
	return s
}

// calls are the arguments of each call of gh.
func (s *stage) calls() (all [][]string) {
	s.t.Helper()
	var call []string
	for _, arg := range s.called("gh") {
		if arg == "--" {
			all, call = append(all, call), nil
			continue
		}
		call = append(call, arg)
	}
	return all
}

// comments makes gh answer with some comments, written by the template that it is asked
// to write them by.
func (s *stage) comments(all ...map[string]any) {
	s.t.Helper()
	s.action("comment")
	calls := s.calls()
	if len(calls) == 0 {
		s.t.Fatalf("gh was not asked: %s", s.out)
	}
	list := calls[0]
	if !slices.Equal(list[:3], []string{"api", "--paginate", "repos/acme/app/issues/12/comments?per_page=100"}) || list[3] != "--template" {
		s.t.Fatalf("gh was called: %q", list)
	}
	var out strings.Builder
	if err := must(template.New("").Parse(list[4])).Execute(&out, all); err != nil {
		s.t.Fatal(err)
	}
	s.env["COMMENTS"] = out.String()
	s.remove("notes/gh")
}

func comment(kind, role, number, body string) map[string]any {
	c := map[string]any{"url": "https://api.github.com/repos/acme/app/issues/comments/" + number, "author_association": role, "body": body, "user": nil}
	if kind != "" {
		c["user"] = map[string]any{"type": kind}
	}
	return c
}

func TestCommentIsMadeOnceAndThenKept(t *testing.T) {
	post := []string{"api", "--method", "POST", "repos/acme/app/issues/12/comments"}
	patch := []string{"api", "--method", "PATCH", "repos/acme/app/issues/comments/42"}
	ours := comment("Bot", "NONE", "42", mark+"\r\nold")
	for name, c := range map[string]struct {
		comments []map[string]any
		want     []string
	}{
		"none":             {nil, post},
		"ours":             {[]map[string]any{comment("User", "OWNER", "1", "LGTM"), ours, comment("Bot", "NONE", "43", mark)}, patch},
		"a member's":       {[]map[string]any{comment("User", "MEMBER", "42", mark)}, patch},
		"somebody else's":  {[]map[string]any{comment("User", "NONE", "1", mark), comment("User", "CONTRIBUTOR", "2", mark), comment("", "NONE", "3", mark)}, post},
		"and then ours":    {[]map[string]any{comment("User", "NONE", "1", mark), ours}, patch},
		"of another check": {[]map[string]any{comment("Bot", "NONE", "1", "<!-- layers check: app/two -->\n"), comment("Bot", "NONE", "2", "<!-- layers check: ap -->")}, post},
		"a quotation":      {[]map[string]any{comment("Bot", "NONE", "1", "> "+mark)}, post},
		"a line of ours":   {[]map[string]any{comment("User", "NONE", "1", "x\nBot OWNER u/9 \""+mark+"\"\n")}, post},
		"to be run":        {[]map[string]any{comment("Bot", "NONE", "1", "$(touch gone) `touch gone` \\ \xff\x00\x1b"), ours}, patch},
		"long":             {[]map[string]any{comment("Bot", "NONE", "1", strings.Repeat("w", 70_000)), ours}, patch},
	} {
		t.Run(name, func(t *testing.T) {
			s := commenting(t)
			s.comments(c.comments...)
			s.action("comment")
			s.ends(0)
			calls := s.calls()
			want := append(slices.Clone(c.want), "--field", "body=@"+s.env["MARKDOWN"])
			if len(calls) != 2 || !slices.Equal(calls[1], want) {
				t.Errorf("gh was called: %q, want %q", calls, want)
			}
			if s.out != "" {
				t.Errorf("it says %q", s.out)
			}
			s.clean()
		})
	}
}

func TestCommentThatMayNotBeIsANotice(t *testing.T) {
	const fork = "gh: Resource not accessible by integration (HTTP 403)\n::error::x\n"
	for _, variable := range []string{"REFUSES", "LISTS"} {
		s := commenting(t)
		s.env[variable] = fork
		s.action("comment")
		s.ends(0)
		if got := obeyed(s.out); len(got) != 1 || !strings.HasPrefix(got[0], "::notice title=layers check::no comment") {
			t.Errorf("the runner does: %q", got)
		}
	}
	s := commenting(t)
	s.env["PULL_REQUEST"] = ""
	s.action("comment")
	s.ends(0)
	s.says("::notice title=layers check::no comment: this run is not for a pull request")
	s.without("gh")
}

func TestCommentThatFails(t *testing.T) {
	for said, code := range map[string]int{
		"gh: Bad credentials (HTTP 401)\n":                      2,
		"gh: Not Found (HTTP 404)\n":                            2,
		"gh: body is too long (HTTP 422)\n":                     2,
		"gh: Server Error (HTTP 502)\n":                         5,
		"gh: API rate limit exceeded (HTTP 403)\n":              5,
		"gh: You have exceeded a secondary rate limit\n":        5,
		"error connecting to api.github.com\n::error::x\n":      5,
		"gh: x (HTTP 200) was not what it is about (HTTP 403\n": 2,
	} {
		s := commenting(t)
		s.env["REFUSES"] = said
		s.action("comment")
		s.ends(code)
		if got := obeyed(s.out); len(got) != 1 || !strings.HasPrefix(got[0], "::error title=layers check::no comment") {
			t.Errorf("the runner does: %q", got)
		}
	}
}

func TestCommentRefusesWhatItWasNotMadeFor(t *testing.T) {
	for _, first := range []string{"", "### a title", mark + " x", "<!-- layers check: a\" -->", "<!-- layers check: $(touch gone) -->", " " + mark} {
		s := commenting(t)
		s.write("check.md", first+"\nmore\n")
		s.action("comment")
		s.ends(2)
		s.without("gh")
	}
	for _, number := range []string{"../../x", "1 2", "$(touch gone)", "1\n2", "-1"} {
		s := commenting(t)
		s.env["PULL_REQUEST"] = number
		s.action("comment")
		s.ends(2)
		s.without("gh")
		s.clean()
	}
	s := commenting(t)
	s.env["GH_TOKEN"] = ""
	s.action("comment")
	s.ends(4)
	s = commenting(t)
	s.remove("bin/gh")
	s.only("bash", "env")
	s.action("comment")
	s.ends(7)
}

func TestCommentGoesToTheServerOfTheWorkflow(t *testing.T) {
	for server, host := range map[string]string{"": "github.com", "https://github.com": "github.com", "https://git.example.com": "git.example.com"} {
		s := commenting(t)
		s.env["GITHUB_SERVER_URL"] = server
		s.action("comment")
		s.ends(0)
		if got := s.called("gh-environment"); !slices.Equal(got, []string{host, "secret"}) {
			t.Errorf("%s: %q", server, got)
		}
		if strings.Contains(s.out, "secret") {
			t.Errorf("it says %q", s.out)
		}
	}
}

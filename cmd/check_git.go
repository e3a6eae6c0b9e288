package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/diff/budget"
)

// gitFlags say what is asked of git.
type gitFlags struct {
	baseline bool
	branch   string
	tag      string
	commits  int
	allow    bool
}

func (f *gitFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.baseline, "baseline-git", false, "compare with the image of the commit where this branch left the main one")
	flags.StringVar(&f.branch, "git-branch", "", "the main branch is `BRANCH` (default: as CI or origin say)")
	flags.StringVar(&f.tag, "git-tag", "{{.SHA}}", "what the tag of a commit's image is, as a `TEMPLATE` of .SHA and .Short")
	flags.IntVar(&f.commits, "git-commits", 20, "look for the images of at most `N` commits before that")
	flags.BoolVar(&f.allow, "waivers-git", false, "take waivers from commits: 'Layers-Allow: RULE[=LIMIT] REASON'")
}

// gitError says what git could not tell.
type gitError struct {
	text string
	hint string
}

// Error is what git said, or what it lacks.
func (e *gitError) Error() string { return e.text }

// git runs git in the working directory, and returns the lines that it writes.
func git(ctx context.Context, args ...string) ([]string, error) {
	c := exec.CommandContext(ctx, "git", args...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, &gitError{text: "git is not installed"}
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, &gitError{text: fmt.Sprintf("git %s: %s", args[0], cmp.Or(strings.TrimPrefix(said, "fatal: "), err.Error()))}
	}
	text := strings.TrimRight(string(out), "\n")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// mainBranch is what git calls the main branch.
func (f *gitFlags) mainBranch(ctx context.Context) (string, error) {
	candidates := []string{f.branch}
	if f.branch == "" {
		candidates = nil
		for _, variable := range []string{"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"} {
			if name := os.Getenv(variable); name != "" {
				candidates = append(candidates, "origin/"+name, name)
			}
		}
		candidates = append(candidates, "origin/HEAD", "origin/main", "origin/master", "main", "master")
	}
	for _, name := range candidates {
		if _, err := git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}"); err == nil {
			return name, nil
		} else if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	if _, err := git(ctx, "rev-parse", "--git-dir"); err != nil {
		return "", err
	}
	return "", &gitError{text: "there is no branch " + strings.Join(candidates, ", "), hint: "git fetch origin BRANCH, or name one: --git-branch"}
}

// forkPoint is the commit where this branch left the main one. On the main one it is the
// commit before.
func (f *gitFlags) forkPoint(ctx context.Context) (string, error) {
	branch, err := f.mainBranch(ctx)
	if err != nil {
		return "", err
	}
	head, err := git(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return "", err
	}
	base, err := git(ctx, "merge-base", "HEAD", branch)
	if err == nil && len(base) > 0 && base[0] == head[0] {
		base, err = git(ctx, "rev-parse", "--verify", "HEAD^1")
	}
	if err == nil && len(base) > 0 {
		return base[0], nil
	}
	if shallow, e := git(ctx, "rev-parse", "--is-shallow-repository"); e == nil && len(shallow) > 0 && shallow[0] == "true" {
		return "", &gitError{
			text: "this clone is shallow, and does not reach back to where this branch left " + branch,
			hint: "git fetch --unshallow; in GitHub's actions/checkout: fetch-depth: 0; in GitLab: GIT_DEPTH: 0",
		}
	}
	if err == nil {
		err = &gitError{text: "HEAD and " + branch + " have no commit in common"}
	}
	return "", err
}

// gitBaseline is the image of the commit where this branch left the main one, or of the
// nearest one before that has an image.
func (r *checkRun) gitBaseline(ctx context.Context, t target) (*others, error) {
	f := &r.flags.git
	o := &others{name: "of the commit where this branch left the main one"}
	lack := func(err error) (*others, error) {
		var g *gitError
		if !errors.As(err, &g) {
			return nil, err
		}
		r.missing = append(r.missing, &advised{err: g, hint: g.hint})
		o.missing = strings.TrimSuffix(g.text+"; "+g.hint, "; ")
		return o, nil
	}
	repository, err := taggedIn(t.name)
	if err != nil {
		return nil, err
	}
	fork, err := f.forkPoint(ctx)
	if err != nil {
		return lack(err)
	}
	commits, err := git(ctx, "rev-list", "--first-parent", fmt.Sprintf("--max-count=%d", f.commits+1), "--end-of-options", fork)
	if err != nil {
		return lack(err)
	}
	for n, commit := range commits {
		tag, err := expandTag(f.tag, commit)
		if err != nil {
			return nil, err
		}
		before := len(r.missing)
		found, err := r.others(ctx, repository+":"+tag, t.budget)
		if err != nil {
			return nil, err
		}
		if len(found.images) > 0 {
			for _, img := range found.images {
				img.How = fmt.Sprintf("commit %.12s, %d before where this branch left the main one", commit, n)
				if n == 0 {
					img.How = fmt.Sprintf("commit %.12s, where this branch left the main one", commit)
				}
			}
			return found, nil
		}
		r.missing = r.missing[:before]
	}
	return lack(&gitError{
		text: fmt.Sprintf("none of the %d commits from %.12s back has an image in %s", len(commits), fork, repository),
		hint: "--git-tag says how the images of commits are tagged",
	})
}

// taggedIn is the repository in which the images of commits are tagged: an image's name
// without its tag.
func taggedIn(name string) (string, error) {
	ref, err := source.Parse(name)
	if err != nil {
		return "", err
	}
	if ref.Name == "" {
		return "", &usageError{text: name + ": --baseline-git is for images of registries"}
	}
	return repositoryOf(ref.Name), nil
}

// commitData is what templates of tags and names know.
type commitData struct {
	SHA, Short, Branch string
	Env                map[string]string
}

func expandTemplate(text string, data commitData) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", &usageError{text: fmt.Sprintf("%q is no template: %v", text, err)}
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", &usageError{text: fmt.Sprintf("%q: %v", text, err), hint: "there are .SHA, .Short, .Branch and .Env.NAME"}
	}
	return b.String(), nil
}

func expandTag(text, commit string) (string, error) {
	return expandTemplate(text, commitData{SHA: commit, Short: commit[:min(7, len(commit))]})
}

// expand fills in what the name of an image in the file leaves open.
func (f *gitFlags) expand(ctx context.Context, name string) (string, error) {
	if !strings.Contains(name, "{{") {
		return name, nil
	}
	data := commitData{Env: map[string]string{}}
	for _, variable := range os.Environ() {
		key, value, _ := strings.Cut(variable, "=")
		data.Env[key] = value
	}
	if strings.Contains(name, ".SHA") || strings.Contains(name, ".Short") || strings.Contains(name, ".Branch") {
		head, err := git(ctx, "rev-parse", "--verify", "HEAD^{commit}")
		if err != nil {
			return "", err
		}
		data.SHA, data.Short = head[0], head[0][:min(7, len(head[0]))]
		if branch, err := git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil && len(branch) > 0 { // else it is detached
			data.Branch = branch[0]
		}
	}
	return expandTemplate(name, data)
}

const allowTrailer = "Layers-Allow"

// waivers are those that the commits of this branch give; where it is not known where the
// branch began, those of its last commit.
func (f *gitFlags) waivers(ctx context.Context) ([]budget.Waiver, error) {
	commits := []string{"--max-count=1", "HEAD"}
	if fork, err := f.forkPoint(ctx); err == nil {
		commits = []string{fork + "..HEAD"}
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	format := "--format=%H %(trailers:key=" + allowTrailer + ",valueonly,unfold,separator=%x1f)"
	lines, err := git(ctx, append([]string{"log", format}, commits...)...)
	if err != nil {
		return nil, err
	}
	var all []budget.Waiver
	for _, line := range lines {
		commit, values, _ := strings.Cut(line, " ")
		for value := range strings.SplitSeq(values, "\x1f") {
			if strings.TrimSpace(value) == "" {
				continue
			}
			w, err := policy.ParseTrailer(value)
			if err != nil {
				return nil, &usageError{text: fmt.Sprintf("commit %.12s: %s: %v", commit, allowTrailer, err)}
			}
			w.From = fmt.Sprintf("commit %.12s", commit)
			all = append(all, w)
		}
	}
	return all, nil
}

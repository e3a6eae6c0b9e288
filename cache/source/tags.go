package source

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// What is listed of a repository at most.
const (
	maxTags     = 100_000
	maxTagPages = 200
	maxTagPage  = 8 << 20 // bytes
)

// tags lists the tags of the repository, in the registry's order, without those that no
// reference could name. whole is false where there are more than we list.
func (r *remote) tags(ctx context.Context) (tags []string, whole bool, err error) {
	seen := map[string]bool{}
	query := "n=1000"
	for range maxTagPages {
		page, next, err := r.tagPage(ctx, query)
		if err != nil {
			return nil, false, err
		}
		before := len(tags)
		for _, tag := range page {
			if len(tags) == maxTags {
				return tags, false, nil
			}
			if !seen[tag] && tagPattern().MatchString(tag) {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
		switch {
		case next == "":
			return tags, true, nil
		case len(tags) == before: // it would go on like that
			return tags, false, nil
		}
		query = next
	}
	return tags, false, nil
}

func (r *remote) tagPage(ctx context.Context, query string) (tags []string, next string, err error) {
	err = r.ask(ctx, func(c *client) error {
		tags, next, err = c.tagPage(ctx, query)
		return err
	})
	return tags, next, err
}

// tagPage asks for one page of the list of tags, and returns the query of the next.
func (c *client) tagPage(ctx context.Context, query string) (tags []string, next string, err error) {
	err = c.retrying(ctx, c.image+": tags", func() error {
		resp, err := c.get(ctx, "tags/list?"+query, http.Header{"Accept": {"application/json"}})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		raw, err := c.readSmall(resp.Body, "list of tags", maxTagPage)
		if err != nil {
			return err
		}
		if isHTML(resp.Header, raw) {
			return c.htmlError("list of tags", raw)
		}
		var list struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return &MalformedError{Name: c.image, What: "list of tags", Err: fmt.Errorf("it is not what the specification says: %w", err)}
		}
		tags, next = list.Tags, nextPage(resp.Header)
		return nil
	})
	return tags, next, err
}

// nextPage is the query of the next page, which a Link header gives (RFC 5988). Only
// the query is taken of it: whatever host or path it names, we go on where we are.
func nextPage(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, params, ok := strings.Cut(link, ">")
		_, target, open := strings.Cut(target, "<")
		if !ok || !open || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		if u, err := url.Parse(target); err == nil && len(u.RawQuery) <= 2000 {
			return u.RawQuery
		}
	}
	return ""
}

package budget

import "testing"

func TestMatchesReference(t *testing.T) {
	digest := "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		pattern, reference string
		want               bool
	}{
		{"app", "app", true},
		{"app", "app:pr", true},
		{"app", "ghcr.io/acme/app:pr", true},
		{"app", "127.0.0.1:5055/app" + digest, true},
		{"app", "app:pr" + digest, true},
		{"app", "ghcr.io/app/web", false},
		{"app", "myapp", false},
		{"app", "web:app", false},
		{"app*", "app-web:1", true},
		{"*", "ghcr.io/acme/app:pr", true},
		{"**", "127.0.0.1:5055/a/b/c" + digest, true},
		{"app:pr-*", "app:pr-12", true},
		{"app:pr-*", "ghcr.io/acme/app:pr-12", true},
		{"app:pr-*", "app:main", false},
		{"app:pr-*", "app", false},
		{"app:pr-*", "app" + digest, false},
		{"app:*", "app", true},
		{"app:latest", "app", true},
		{"app:{main,release-*}", "app:release-1", true},
		{"ghcr.io/acme/*", "ghcr.io/acme/app:1", true},
		{"ghcr.io/acme/*", "ghcr.io/acme/team/app:1", false},
		{"ghcr.io/acme/**", "ghcr.io/acme/team/app:1", true},
		{"ghcr.io/acme/**:1", "ghcr.io/acme/team/app:1", true},
		{"ghcr.io/acme/**:1", "ghcr.io/acme/team/app:2", false},
		{"**/app", "ghcr.io/acme/app", true},
		{"*/app", "acme/app:1", true},
		{"*:5055/app", "127.0.0.1:5055/app:1", true},
		{"127.0.0.1:5055/app", "127.0.0.1:5055/app:1", true},
		{"127.0.0.1:5055/app", "127.0.0.1:5056/app:1", false},
		{"127.0.0.1:5055/app:1", "127.0.0.1:5055/app:2", false},
		{"app@sha256:0123*", "app" + digest, true},
		{"app@sha256:9*", "app" + digest, false},
		{"app@sha256:*", "app:1", false},
		{"docker.io/library/debian", "debian:bookworm", true},
		{"docker.io/library/debian", "docker.io/debian", true},
		{"docker.io/acme/*", "acme/app", true},
		{"docker.io/acme/*", "index.docker.io/acme/app", true},
		{"docker.io/**", "localhost/app", false},
		{"docker.io/**", "ghcr.io/acme/app", false},
		{`\*`, "app", false},
		{"a[", "a[", false},
		{"", "app", false},
	} {
		if got := MatchesReference(c.pattern, c.reference); got != c.want {
			t.Errorf("MatchesReference(%q, %q) = %t", c.pattern, c.reference, got)
		}
	}
}

package policy

import "testing"

func TestPatternsMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"debian", "debian:bookworm", true},
		{"debian:bookworm", "debian:trixie", false},
		{"debian:book*", "debian:bookworm", true},
		{"debian:book*", "debian:*worm", true},
		{"debian", "alpine", false},
		{"debian", "ghcr.io/acme/debian:1", true},
		{"debian", "ghcr.io/acme/alpine", false},
		{"ghcr.io/*/debian", "debian:1", true},
		{"ghcr.io/**", "debian", true},
		{"ghcr.io/acme/*", "debian", true},
		{"ghcr.io/acme/*", "ghcr.io/acme/debian", true},
		{"ghcr.io/acme/*", "quay.io/acme/debian", false},
		{"docker.io/library/debian", "index.docker.io/library/debian", true},
		{"a/x", "b/x", false},
		{"debian@sha256:1", "debian@sha256:2", false},
	} {
		if meet(c.a, c.b) != c.want || meet(c.b, c.a) != c.want {
			t.Errorf("%q meets %q: %t, %t", c.a, c.b, meet(c.a, c.b), meet(c.b, c.a))
		}
	}
}

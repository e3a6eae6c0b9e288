package budget

import (
	"fmt"
	"testing"
)

// TestHintsAreRightOrAbsent makes layers by steps, and says which hint comes of each, and
// of which none.
func TestHintsAreRightOrAbsent(t *testing.T) {
	for _, c := range []struct{ name, step, path, want string }{
		{"git is copied", "COPY . /app", "app/.git/objects/x", "dockerignore"},
		{"git is copied by buildah", "/bin/sh -c #(nop) COPY dir:2b1c in /app", "app/.git/objects/x", "dockerignore"},
		{"git is cloned", "RUN git clone https://example.org/x /app", "app/.git/objects/x", ""},
		{"git is of another stage", "COPY --from=build /src /app", "app/.git/objects/x", ""},
		{"modules are copied", "COPY . /app # buildkit", "app/node_modules/x/index.js", "dockerignore"},
		{"modules are copied from who knows where", "/bin/sh -c #(nop) COPY dir:2b1c in /app", "app/node_modules/x/index.js", ""},
		{"modules are installed", "RUN npm ci", "app/node_modules/x/index.js", ""},
		{"apt lists", "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends vim # buildkit", "var/lib/apt/lists/deb_Packages", "apt-lists"},
		{"apt lists that were copied", "COPY lists /var/lib/apt/lists", "var/lib/apt/lists/deb_Packages", ""},
		{"apt lists by another tool", "RUN make lists", "var/lib/apt/lists/deb_Packages", ""},
		{"apt archives", "RUN apt-get install -y --no-install-recommends vim", "var/cache/apt/archives/vim.deb", "apt-archives"},
		{"apk", "RUN apk add vim", "var/cache/apk/APKINDEX.tar.gz", "apk-cache"},
		{"dnf", "RUN dnf install -y vim", "var/cache/dnf/x", "dnf-cache"},
		{"pip", "RUN pip install flask", "root/.cache/pip/http/x", "pip-cache"},
		{"pipx is not pip", "RUN pipx install flask", "root/.cache/pip/http/x", ""},
		{"npm", "RUN npm install", "root/.npm/_cacache/x", "npm-cache"},
		{"go", "RUN go build ./...", "root/.cache/go-build/x", "go-cache"},
		{"a word in another", "RUN cargo-less cp /x", "root/.cargo/registry/x", "cargo-cache"},
		{"cargo of no step that runs it", "RUN cp -r /x /root", "root/.cargo/registry/x", ""},
		{"maven", "RUN mvn package", "root/.m2/repository/x.jar", "maven-cache"},
		{"a directory called alike", "RUN pip install flask", "root/.cache/pipeline/x", ""},
		{"no step", "", "root/.cache/pip/x", ""},
		{"data", "COPY data /data", "data/big.bin", ""},
		{"modes", "RUN chmod -R g+w /srv", "srv/big.bin", "copy-attributes"},
		{"modes by buildkit", "RUN /bin/sh -c chown -R app /srv # buildkit", "srv/big.bin", "copy-attributes"},
		{"modes of what is made", "RUN curl -o /srv/big.bin x && chmod 644 /srv/big.bin", "srv/big.bin", ""},
	} {
		text := fmt.Sprintf("-- 0/%s [size=5000000] --\n", c.path)
		if c.step != "" {
			text = "step " + c.step + "\n" + text
		}
		r := check(t, budgetOf(Rule{Kind: Max, Limit: bytesLimit(100)}), image(t, "app", text), nil).Results[0]
		got := ""
		if r.Hint != nil {
			got = r.Hint.Code
		}
		if r.Outcome != Failed || got != c.want {
			t.Errorf("%s: %s, hint %q, want %q", c.name, r.Outcome, got, c.want)
		}
	}
}

func debText(step, name string) string {
	return "step " + step + `
-- 0/var/lib/dpkg/status --
Package: ` + name + `
Status: install ok installed
Architecture: amd64
Version: 1.0

-- 0/var/lib/dpkg/info/` + name + `.list --
/.
/lib
/lib/x
/lib/x/big
-- 0/usr/lib/x/big [size=5000000] --
`
}

func TestHintsOnPackages(t *testing.T) {
	for _, c := range []struct{ name, step, deb, want string }{
		{"recommended ones", "RUN apt-get install -y vim", "vim", "recommends"},
		{"without them", "RUN apt-get install -y --no-install-recommends vim", "vim", ""},
		{"without them by configuration", "RUN apt-get -o APT::Install-Recommends=0 install -y vim", "vim", ""},
		{"a compiler", "RUN apt-get install -y --no-install-recommends gcc", "gcc-12", "stage"},
		{"headers", "RUN apt-get install -y --no-install-recommends libssl-dev", "libssl-dev", "stage"},
		{"no compiler", "RUN apt-get install -y --no-install-recommends gccgo-doc", "gcc-doc-x", ""},
	} {
		img := image(t, "app", debText(c.step, c.deb))
		r := check(t, budgetOf(Rule{Kind: Max, Limit: bytesLimit(100)}), img, nil).Results[0]
		got := ""
		if r.Hint != nil {
			got = r.Hint.Code
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q; %+v", c.name, got, c.want, r.Causes)
		}
		if part := r.Causes[0].Parts[0]; part.Package == nil || part.Package.Name != c.deb {
			t.Errorf("%s: by a link of the base, the files are the package's: %+v", c.name, part)
		}
	}
}

func TestHintsOnWhatIsHidden(t *testing.T) {
	for _, c := range []struct{ name, step, over, want string }{
		{"deleted", "RUN rm -rf /opt/big", "-- 1/opt/.wh.big --\n", "same-step"},
		{"modes", "RUN chmod -R g+w /opt", "-- 1/opt/big [mode=664 size=5000000] --\n", "copy-attributes"},
		{"replaced by a copy", "COPY big /opt", "-- 1/opt/big [size=5000000] --\n", ""},
	} {
		img := image(t, "app", "step RUN make\nstep "+c.step+"\n-- 0/opt/big [size=5000000] --\n"+c.over)
		r := check(t, budgetOf(Rule{Kind: Reclaimable, Limit: bytesLimit(100)}), img, nil).Results[0]
		got := ""
		if r.Hint != nil {
			got = r.Hint.Code
		}
		if r.Outcome != Failed || r.Measured != 5_000_000 || got != c.want {
			t.Errorf("%s: %s %d %q, want %q", c.name, r.Outcome, r.Measured, got, c.want)
		}
		if r.Causes[0].Layer != 1 || r.Causes[0].Files[0].Path != "opt/big" {
			t.Errorf("%s: %+v", c.name, r.Causes)
		}
	}
}

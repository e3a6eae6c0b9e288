package inspect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Real strings from the configs of published images, or in the form in which
// the tool of the comment writes them.
func TestShortStep(t *testing.T) {
	for _, c := range []struct{ createdBy, comment, want string }{
		// docker's classic builder
		{`/bin/sh -c #(nop)  CMD ["bash"]`, "", `CMD ["bash"]`},
		{`/bin/sh -c #(nop) ADD file:226e963ef0a149b5fd00e32868620c3c074f4d5e04682db92e887af09605c253 in / `, "", `ADD file:226e963ef0a1… in /`},
		{`/bin/sh -c #(nop) COPY dir:1c5c3850500c57441a9ce774226e963ef0a149b5fd00e32868620c3c074f4d5e in /app `, "FROM 5f1a9c", `COPY dir:1c5c3850500c… in /app`},
		{`/bin/sh -c #(nop)  ENV LANG=C.UTF-8`, "", `ENV LANG=C.UTF-8`},
		{`/bin/sh -c apt-get update && apt-get install -y --no-install-recommends 		ca-certificates 		curl 		gnupg 	&& rm -rf /var/lib/apt/lists/*`, "",
			`apt-get install ca-certificates curl gnupg`},
		{`/bin/sh -c apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-pip git && rm -rf /var/lib/apt/lists/*`, "FROM 7ce4de22905c",
			`apt-get install python3 python3-pip git`},
		{`|1 VERSION=1 2 3 /bin/sh -c make VERSION="$VERSION"`, "", `make VERSION="$VERSION"`},
		{`|2 A=b C=/bin/sh /bin/sh -c set -eux; curl -fsSL https://example.com/x`, "", `curl -fsSL https://example.com/x`},
		{`|0 /bin/sh -c true`, "", `true`},
		{`/bin/sh -c head -c 20000000 /dev/urandom > /opt/big && mkdir /opt/d && cp /opt/big /opt/d/copy`, "", `head > /opt/big; cp … /opt/d/copy`},
		{`/bin/sh -c rm -rf /opt/d`, "", `rm -rf /opt/d`},
		{`/bin/sh -c rm -rf /var/lib/apt/lists/*`, "", `rm -rf /var/lib/apt/lists/*`},
		{`/bin/sh -c apt-get update`, "", `apt-get update`},
		{`/bin/bash -o pipefail -c curl -sL https://deb.nodesource.com/setup_18.x | bash - && apt-get install -y nodejs`, "",
			`curl -sL https://deb.nodesource.com/setup_18.x | bash -; apt-get install nodejs`},
		{`/bin/sh -c apk add --no-cache --virtual .build-deps gcc musl-dev`, "", `apk add gcc musl-dev`},
		{`/bin/sh -c DEBIAN_FRONTEND=noninteractive apt-get install -y -o Dpkg::Use-Pty=0 tzdata`, "", `apt-get install tzdata`},
		{`/bin/sh -c yum -y update && yum install -y httpd && yum clean all`, "", `yum install httpd`},
		// BuildKit
		{`RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt # buildkit`, "buildkit.dockerfile.v0", `pip install requirements.txt`},
		{`COPY --from=build /out /usr/bin # buildkit`, "buildkit.dockerfile.v0", `COPY --from=build /out /usr/bin`},
		{`WORKDIR /app`, "buildkit.dockerfile.v0", `WORKDIR /app`},
		{`CMD ["python3"]`, "buildkit.dockerfile.v0", `CMD ["python3"]`},
		{"RUN |1 TARGETARCH=amd64 /bin/sh -c set -eux; \tgo build -o /bin/x ./cmd/x # buildkit", "buildkit.dockerfile.v0", `go build -o /bin/x ./cmd/x`},
		{"RUN /bin/bash -euxo pipefail -c npm ci --omit=dev # buildkit", "buildkit.dockerfile.v0", `npm ci --omit=dev`},
		{"RUN <<EOF (apt-get update...) # buildkit", "buildkit.dockerfile.v0", `apt-get update...`},
		{"RUN /bin/sh -c <<EOF\nset -e\napt-get update\napt-get install -y vim\nEOF # buildkit", "", `apt-get install vim`},
		{"RUN /bin/sh -c #!/usr/bin/env bash\nmake all # buildkit", "", `make all`},
		{"RUN --mount=type=cache,target=/root/.cache --network=none make", "", `make`},
		{`RUN /entry --flag # buildkit`, "buildkit.dockerfile.v0", `/entry --flag`},
		{`RUN /bin/sh -c ln -s idle3 idle; ln -s pip3 pip # buildkit`, "", `ln -s idle3 idle; ln -s pip3 pip`},
		{`RUN cmd /S /C mkdir C:\app # buildkit`, "", `mkdir C:\app`},
		// kaniko
		{`RUN apt-get update && apt-get install -y git`, "", `apt-get install git`},
		// debuerreotype, as in Debian's own image
		{`# debian.sh --arch 'amd64' out/ 'bookworm' '@1735516800'`, "debuerreotype 0.15", `debian.sh --arch 'amd64' out/ 'bookworm' '@1735516800' (debuerreotype 0.15)`},
		// ko, jib, bazel, nix, apko, Cloud Native Buildpacks
		{`ko build ko://github.com/a/b/cmd/c`, "go build output, at /ko-app/c", `ko build ko://github.com/a/b/cmd/c (go build output, at /ko-app/c)`},
		{`jib-gradle-plugin:3.4.0`, "dependencies", `jib-gradle-plugin:3.4.0 (dependencies)`},
		{`bazel build ...`, "", `bazel build ...`},
		{``, "store paths: ['/nix/store/0c9h3f8y-hello-2.12.1']", `store paths: ['/nix/store/0c9h3f8y-hello-2.12.1']`},
		{`apko`, "This is an apko single-layer image", `apko (This is an apko single-layer image)`},
		{`Layer: 'launcher', Created by buildpack: paketo-buildpacks/go@4.4.0`, "", `Layer: 'launcher', Created by buildpack: paketo-buildpacks/go@4.4.0`},
		{``, "", ``}, {``, "buildkit.dockerfile.v0", ``}, {"/bin/sh", "", "/bin/sh"}, {"|9", "", "|9"}, {"RUN ", "", "RUN"}, {"/bin/sh -c ", "", "/bin/sh -c"},
	} {
		if got := ShortStep(c.createdBy, c.comment); got != c.want {
			t.Errorf("ShortStep(%q, %q)\n got %q\nwant %q", c.createdBy, c.comment, got, c.want)
		}
	}
}

// The step that compiles Python in Docker's official image.
func TestShortStepOfLongScript(t *testing.T) {
	const step = `RUN /bin/sh -c set -eux; 		wget -O python.tar.xz "https://www.python.org/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz"; 	wget -O python.tar.xz.asc "https://www.python.org/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz.asc"; 	GNUPGHOME="$(mktemp -d)"; export GNUPGHOME; 	gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys "$GPG_KEY"; 	gpg --batch --verify python.tar.xz.asc python.tar.xz; 	gpgconf --kill all; 	rm -rf "$GNUPGHOME" python.tar.xz.asc; 	mkdir -p /usr/src/python; 	tar --extract --directory /usr/src/python --strip-components=1 --file python.tar.xz; 	rm python.tar.xz; 		cd /usr/src/python; 	gnuArch="$(dpkg-architecture --query DEB_BUILD_GNU_TYPE)"; 	./configure 		--build="$gnuArch" 		--enable-loadable-sqlite-extensions 		--enable-optimizations 		--enable-option-checking=fatal 		--enable-shared 		--with-lto 		--with-system-expat 		--without-ensurepip 	; 	nproc="$(nproc)"; 	EXTRA_CFLAGS="$(dpkg-buildflags --get CFLAGS)"; 	make -j "$nproc" 		"EXTRA_CFLAGS=${EXTRA_CFLAGS:-}" 		"PROFILE_TASK=${PROFILE_TASK:-}" 	; 	make install; 		cd /; 	rm -rf /usr/src/python; 		find /usr/local -depth 		\( 			\( -type d -a \( -name test -o -name tests \) \) 		\) -exec rm -rf '{}' + 	; 		ldconfig; 		python3 --version # buildkit`
	got := ShortStep(step, "buildkit.dockerfile.v0")
	if want := "wget python.tar.xz; wget python.tar.xz.asc; ./configure; make; make install; python3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzShortStep(f *testing.F) {
	for _, s := range []string{"/bin/sh -c apt-get update && x", "|2 a=b c /bin/sh -c 'x", "RUN <<EOF (", "RUN /bin/sh -c <<E\n\nE", "a $(b; c) ${d;e} `f", "\\"} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, createdBy, comment string) {
		got := ShortStep(createdBy, comment)
		if utf8.RuneCountInString(got) > shortLimit {
			t.Errorf("%d characters: %q", utf8.RuneCountInString(got), got)
		}
		if strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("more than one line: %q", got)
		}
		if got == "" && fold(createdBy) != "" {
			t.Errorf("nothing is left of %q", createdBy)
		}
	})
}

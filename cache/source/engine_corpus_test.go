//go:build corpus

package source

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/fixtures"
)

// start runs a program until the test is over, and waits until ready says so.
func start(t *testing.T, ready func() bool, program string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			<-ended
		}
	})
	for poll := time.NewTicker(50 * time.Millisecond); !ready(); {
		select {
		case err := <-ended:
			t.Fatalf("%s ended: %v\n%s", program, err, said.Bytes())
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-poll.C:
		}
	}
}

func answers(addr string) func() bool {
	return func() bool {
		c := newEngineClient(engineEndpoint{addr: addr})
		defer c.Close()
		_, err := c.version(context.Background())
		return err == nil
	}
}

// engineDir is a directory whose name is short enough for sockets. What engines
// leave mounted below it is unmounted.
func engineDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fixtures.RemoveMounted(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// savedApp is an image of the corpus as an archive that engines load.
func savedApp(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.tar")
	skopeo(t, "copy", "-q", "--src-tls-verify=false", "docker://"+corpusHost(t)+"/node:1", "docker-archive:"+path+":app:main")
	return path
}

func TestCorpusPodman(t *testing.T) {
	noEngines(t)
	path, dir := savedApp(t), engineDir(t)
	storage := []string{"--root", dir + "/root", "--runroot", dir + "/run"}
	podman := func(args ...string) string { t.Helper(); return run(t, "podman", append(storage, args...)...) }
	podman("load", "-q", "-i", path)
	podman("tag", "app:main", "localhost/mine:1")
	want := openOne(t, path, Options{})

	for format, checked := range map[string]string{"docker-archive": "docker-archive:", "oci-archive": "oci-archive:", "oci-dir": "oci:", "docker-dir": "dir:"} {
		to := filepath.Join(t.TempDir(), format)
		podman("save", "-q", "--format", format, "-o", to, "app:main")
		img := openOne(t, to, Options{})
		checkAgainstSkopeo(t, img, checked+to, format != "docker-archive")
		checkLayers(t, img.Image)
		if format == "docker-archive" && img.Digest != want.Digest {
			t.Errorf("podman's archive gives %s, skopeo's %s", img.Digest, want.Digest)
		}
	}
	many := filepath.Join(t.TempDir(), "many.tar")
	podman("save", "-q", "-m", "-o", many, "app:main", "localhost/mine:1")
	checkLayers(t, openOne(t, "docker-archive:"+many+":localhost/mine:1", Options{}).Image)

	id := podman("inspect", "--format", "{{.Id}}", "app:main")

	addr := "unix://" + dir + "/podman.sock"
	start(t, answers(addr), "podman", append(storage, "system", "service", "--time=0", addr)...)
	t.Setenv("CONTAINER_HOST", addr) // from here on the podman command itself would go there
	t.Setenv("DOCKER_HOST", addr)    // Podman speaks Docker's language too
	checkEngine(t, want, "podman:app:main", "podman:mine:1", "podman:localhost/mine:1", "podman:"+id[:12], "docker-daemon:app:main", "docker-daemon:mine:1")
	_, err := openText(t, "podman:mein:1", Options{}, false)
	if e := wantError[*NotFoundError](t, err, ""); len(e.Have) == 0 || e.Have[0] != "podman:localhost/mine:1" {
		t.Errorf("%q", e.Have)
	}
}

func TestCorpusDocker(t *testing.T) {
	noEngines(t)
	path, dir := savedApp(t), engineDir(t)
	addr := "unix://" + dir + "/docker.sock"
	start(t, answers(addr), "dockerd", "--host", addr, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--config-file", writeFile(t, dir+"/daemon.json", "{}"), "--iptables=false", "--ip6tables=false", "--bridge=none")
	docker := func(args ...string) string {
		t.Helper()
		return run(t, "docker", append([]string{"--host", addr}, args...)...)
	}
	docker("load", "-q", "-i", path)
	docker("tag", "app:main", "other:1")
	want := openOne(t, path, Options{})

	t.Setenv("DOCKER_HOST", addr)
	id := strings.TrimPrefix(docker("inspect", "--format", "{{.Id}}", "app:main"), "sha256:")
	checkEngine(t, want, "docker-daemon:app:main", "docker-daemon:other:1", "docker-daemon:"+id[:12], "docker-daemon:sha256:"+id)
	saved := filepath.Join(t.TempDir(), "saved.tar")
	docker("save", "-o", saved, "app:main", "other:1")
	img := openOne(t, "docker-archive:"+saved+":other:1", Options{})
	if img.Digest != want.Digest {
		t.Errorf("docker's archive gives %s, skopeo's %s", img.Digest, want.Digest)
	}
	_, err := openText(t, "docker-daemon:app:mian", Options{}, false)
	if e := wantError[*NotFoundError](t, err, ""); len(e.Have) == 0 || e.Have[0] != "docker-daemon:app:main" {
		t.Errorf("%q", e.Have)
	}
}

// checkEngine opens an image of an engine by each of its names.
func checkEngine(t *testing.T, want *Image, texts ...string) {
	t.Helper()
	for n, text := range texts {
		img := openOne(t, text, Options{TempDir: t.TempDir()})
		if img.Digest != want.Digest {
			t.Errorf("%s: %s, the archive gave %s", text, img.Digest, want.Digest)
		}
		if n == 0 {
			checkLayers(t, img.Image)
		}
	}
}

//go:build corpus

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/fixtures"
)

// reclaimed are the images of the corpus of which engines are asked what they take: two
// are built on the first, of which a container stays.
var reclaimed = []string{"python:3.10", "app:main", "app:pr"}

// TestReclaimable asks podman, docker and layers how much of three images that share
// most of their layers can be had back, while the first of them is in use, and then has
// each remove the other two: the disk tells who was right.
func TestReclaimable(t *testing.T) {
	host := corpusHost(t)
	dir := engineRoot(t)
	var archives []string
	for _, image := range reclaimed {
		path := filepath.Join(t.TempDir(), "image.tar")
		output(t, "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://"+host+"/"+image, "docker-archive:"+path+":"+image)
		archives = append(archives, path)
	}
	wrong := func(name string, said, freed int64) {
		t.Logf("%s says %s, and frees %s", name, report.SI.Bytes(said), report.SI.Bytes(freed))
		if max(said, freed) < min(said, freed)*3/2 {
			t.Errorf("%s, of which README.md says otherwise, is nearly right", name)
		}
	}
	podman := engine{name: "podman", root: dir + "/podman", run: func(args ...string) string {
		return output(t, "podman", append([]string{"--root", dir + "/podman", "--runroot", dir + "/podman-run"}, args...)...)
	}}
	said, freed := podman.reclaims(t, archives)
	wrong("podman", said, freed)
	said, freed = startDocker(t, dir).reclaims(t, archives)
	wrong("docker", said, freed)
	said, freed = layersReclaim(t, host)
	t.Logf("layers says %s, and frees %s", report.SI.Bytes(said), report.SI.Bytes(freed))
	if said != freed {
		t.Errorf("layers says %d, and frees %d", said, freed)
	}
}

// engineRoot is a directory whose name is short enough for sockets. What engines leave
// mounted below it is unmounted.
func engineRoot(t *testing.T) string {
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

// engine is a container engine of this test alone.
type engine struct {
	name, root string
	run        func(args ...string) string
}

// reclaims loads the images, has a container of the first, and returns how many bytes the
// engine says can be had back of images, and how many the disk has less of them when the
// others are removed.
func (e *engine) reclaims(t *testing.T, archives []string) (said, freed int64) {
	t.Helper()
	for _, path := range archives {
		e.run("load", "-q", "-i", path)
	}
	e.run("create", "--name", "user", reclaimed[0], "true")
	for line := range strings.Lines(e.run("system", "df", "--format", "{{json .}}")) {
		var row struct {
			Type        string
			Reclaimable json.RawMessage // podman has a number, docker a text
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v in %q", e.name, err, line)
		}
		if row.Type == "Images" {
			size, _, _ := strings.Cut(strings.Trim(string(row.Reclaimable), `"`), " ")
			n, err := report.ParseBytes(size)
			if err != nil {
				t.Fatal(err)
			}
			said = n
		}
	}
	before := weighed(t, e.root)
	e.run(append([]string{"rmi"}, reclaimed[1:]...)...)
	return said, before.Minus(weighed(t, e.root)).Disk
}

func weighed(t *testing.T, dir string) unpack.Weight {
	t.Helper()
	syscall.Sync() // what is still to be written has no blocks yet
	w, err := unpack.Weigh(dir)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func startDocker(t *testing.T, dir string) *engine {
	t.Helper()
	address := "unix://" + dir + "/docker.sock"
	var said bytes.Buffer
	c := exec.Command("dockerd", "--host", address, "--data-root", dir+"/docker", "--exec-root", dir+"/exec",
		"--pidfile", dir+"/pid", "--iptables=false", "--ip6tables=false", "--bridge=none")
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		if c.Process.Signal(syscall.SIGTERM) == nil {
			<-ended
		}
	})
	for exec.Command("docker", "--host", address, "version").Run() != nil {
		select {
		case err := <-ended:
			t.Fatalf("dockerd: %v\n%s", err, said.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return &engine{name: "docker", root: dir + "/docker", run: func(args ...string) string {
		return output(t, "docker", append([]string{"--host", address}, args...)...)
	}}
}

// layersReclaim is the same of layers, with the images unpacked and the first mounted.
func layersReclaim(t *testing.T, host string) (said, freed int64) {
	t.Helper()
	c := &crowd{host: host, store: filepath.Join(t.TempDir(), "store")}
	var others []string
	for n, image := range reclaimed {
		c.answer(t, "pull", "-q", "--unpack", host+"/"+image)
		if n > 0 {
			others = append(others, host+"/"+image)
		}
	}
	at := t.TempDir()
	c.answer(t, "mount", host+"/"+reclaimed[0], at)
	defer c.answer(t, "umount", at)
	plan := c.answer(t, append([]string{"cache", "plan", "-f", "{{.Freed.Disk}}"}, others...)...)
	if _, err := fmt.Sscan(string(plan), &said); err != nil {
		t.Fatal(err)
	}
	before := weighed(t, c.store)
	c.answer(t, append([]string{"rm", "--wait"}, others...)...)
	return said, before.Minus(weighed(t, c.store)).Disk
}

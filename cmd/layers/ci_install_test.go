package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const program = "#!/bin/sh\necho layers v1.2.3\n"

// release has a program for linux/amd64, and what its checksums are to be.
func (s *stage) release(checksums string) {
	s.t.Helper()
	s.write("served/layers_linux_amd64", program)
	s.write("served/checksums.txt", checksums)
}

func checksum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func TestInstallTakesAReleaseWithTheRightChecksum(t *testing.T) {
	for _, mark := range []string{"  ", " *"} {
		s := newStage(t)
		other := checksum("other") + mark
		s.release(other + "layers_linux_amd64.sbom\n" + checksum(program) + mark + "layers_linux_amd64\n" + other + "layers_linux_arm64\n")
		s.env["INPUT_VERSION"] = "v1.2.3"
		s.action("install")
		s.ends(0)
		s.says("layers v1.2.3")
		if s.read("runner temp/layers-bin/layers") != program || s.read("path") != filepath.Join(s.dir, "runner temp/layers-bin")+"\n" {
			t.Errorf("installed as %q", s.read("path"))
		}
		want := "https://github.com/layers/layers/releases/download/v1.2.3/"
		if got := s.called("curl"); !slices.Equal(got, []string{want + "checksums.txt", want + "layers_linux_amd64"}) {
			t.Errorf("fetched: %q", got)
		}
		s.without("go")
	}
	s := newStage(t)
	s.release(checksum(program) + "  layers_linux_amd64\n")
	s.action("install")
	s.ends(0)
	if got := s.called("curl")[0]; got != "https://github.com/layers/layers/releases/latest/download/checksums.txt" {
		t.Errorf("fetched: %q", got)
	}
}

// TestInstallRefuses: what is not as its checksum says is not run, and nothing else is
// taken in its place.
func TestInstallRefuses(t *testing.T) {
	right := checksum(program)
	for name, c := range map[string]struct {
		checksums, remove string
		says              string
	}{
		"another program":   {checksum("other") + "  layers_linux_amd64\n", "", "is not what its checksum says"},
		"no program":        {right + "  layers_linux_amd64\n", "served/layers_linux_amd64", "no such file"},
		"a short checksum":  {right[:63] + "  layers_linux_amd64\n", "", "do not have one"},
		"two checksums":     {right + "  layers_linux_amd64\n" + right + "  layers_linux_amd64\n", "", "do not have one"},
		"a pattern for one": {"*  layers_linux_amd64\n", "", "do not have one"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.release(c.checksums)
			if c.remove != "" {
				s.remove(c.remove)
			}
			s.action("install")
			s.ends(6)
			s.says("::error title=layers check::")
			s.says(c.says)
			s.installedNothing()
		})
	}
}

func (s *stage) installedNothing() {
	s.t.Helper()
	if entries, err := os.ReadDir(filepath.Join(s.dir, "runner temp/layers-bin")); err == nil && len(entries) > 0 || s.read("path") != "" {
		s.t.Errorf("installed: %v, and the path is %q", entries, s.read("path"))
	}
	s.without("go")
}

func TestInstallTellsAnOutage(t *testing.T) {
	for _, status := range []string{"none", "503", "429", "302"} {
		s := newStage(t)
		s.env["STATUS"] = status
		s.action("install")
		s.ends(5)
		s.says("could not be fetched")
		s.installedNothing()
	}
}

func TestInstallBuildsWhatNoReleaseHas(t *testing.T) {
	module := "github.com/layers/layers/cmd/layers@"
	for name, c := range map[string]struct {
		env  map[string]string
		want string
		asks bool
	}{
		"no release":             {map[string]string{"INPUT_VERSION": "v9.9.9"}, module + "v9.9.9", true},
		"no latest release":      {nil, module + "latest", true},
		"not for this processor": {map[string]string{"MACHINE": "riscv64"}, module + "latest", false},
		"not for this system":    {map[string]string{"SYSTEM": "Plan9"}, module + "latest", false},
		"a commit":               {map[string]string{"INPUT_VERSION": "0a1b2c3d"}, module + "0a1b2c3d", false},
		"its own source":         {map[string]string{"INPUT_VERSION": "source"}, "./cmd/layers", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			for key, value := range c.env {
				s.env[key] = value
			}
			s.action("install")
			s.ends(0)
			s.says("built")
			got := s.called("go")
			if len(got) != 5 || !slices.Equal(got[1:], []string{"0", "-trimpath", "install", c.want}) {
				t.Fatalf("go was called: %q", got)
			}
			here := must(filepath.EvalSymlinks(must(filepath.Abs(root))))
			if c.want == "./cmd/layers" && must(filepath.EvalSymlinks(got[0])) != here {
				t.Errorf("it was built in %s", got[0])
			}
			if asked := s.called("curl") != nil; asked != c.asks || s.read("path") == "" {
				t.Errorf("asked for releases: %v", asked)
			}
		})
	}
	s := newStage(t)
	s.release(checksum(program) + "  layers_linux_arm64\n")
	s.action("install")
	s.ends(0)
	if got := strings.Join(s.called("go"), " "); !strings.HasSuffix(got, module+"latest") {
		t.Errorf("a release without a program for this machine: %q", got)
	}
}

func TestInstallWithoutGo(t *testing.T) {
	s := newStage(t)
	s.env["MACHINE"] = "riscv64"
	s.remove("bin/go")
	s.only("bash", "env", "mktemp", "mkdir", "rm")
	s.action("install")
	s.ends(7)
	s.says("actions/setup-go")
}

func TestInstallTakesNoPathForAVersion(t *testing.T) {
	for _, version := range []string{"../../../evil/x", "v1/../../evil", "-x", "$(touch gone)", "`touch gone`", "v1;touch gone", "v1\nv2", " ", "v1 -exec=x", "@v1", "é"} {
		s := newStage(t)
		s.env["INPUT_VERSION"] = version
		s.action("install")
		s.ends(2)
		s.without("curl")
		s.installedNothing()
		s.clean()
	}
}

// clean fails if anything was made where the script ran.
func (s *stage) clean() {
	s.t.Helper()
	if entries, err := os.ReadDir(filepath.Join(s.dir, "work")); err != nil || len(entries) != 1 {
		s.t.Errorf("made: %v, %v", entries, err)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/fixtures"
)

// TestCrowd lets eight processes at a time pull, remove, prune and run the same images
// for a while, and kills some of them at any moment. What is not killed does what it
// should: a shell sees its files to its end, whoever removes the image meanwhile. In the
// end the store is whole, and what is freed is what was said.
func TestCrowd(t *testing.T) {
	if !asRoot(t) {
		return
	}
	c := newCrowd(t)
	ctx, cancel := context.WithTimeout(t.Context(), crowded)
	defer cancel()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(6, uint64(worker)))
			for ctx.Err() == nil {
				if err := c.one(random); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d commands, %d of them killed", c.ran.Load(), c.killed.Load())
	c.settles(t)
}

// crowd is a store that many processes use.
type crowd struct {
	host, store string
	images      []string
	ran, killed atomic.Int64
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	c := &crowd{host: registry.Host, store: filepath.Join(t.TempDir(), "store")}
	base := fmt.Sprintf("-- 0/base [size=%d] --\n", 300_000)
	for n := range 6 {
		text := base
		if n%2 == 1 {
			text += "-- 1/common [size=200000] --\n"
		}
		text += fmt.Sprintf("-- %d/v --\nimage %d\n-- %d/own [size=%d] --\n", n%2+1, n, n%2+1, 50_000*(n+1))
		name := fmt.Sprintf("app:%d", n)
		if err := registry.Push(name, fixtures.Image(text)); err != nil {
			t.Fatal(err)
		}
		c.images = append(c.images, registry.Host+"/"+name)
	}
	return c
}

func (c *crowd) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	program := "layers"
	if args[0] == "shell" {
		program, args = "furnished", args[1:]
	}
	cmd.Args = append([]string{program}, args...)
	cmd.Env = append(cmd.Environ(), "LAYERS=layers", "LAYERS_STORE="+c.store)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// deed is something that is done to the store: the arguments, what they are to print, and
// the exit codes that are right.
type deed struct {
	args  []string
	wants string
	codes []int
}

func (c *crowd) deed(random *rand.Rand) deed {
	n := random.IntN(len(c.images))
	image, other := c.images[n], c.images[random.IntN(len(c.images))]
	const notFound = 3
	switch random.IntN(10) {
	case 0, 1:
		return deed{args: []string{"pull", "-q", image, other}}
	case 2:
		return deed{args: []string{"pull", "-q", "--unpack", image}}
	case 3, 4:
		return deed{args: []string{"rm", image}, codes: []int{notFound}}
	case 5:
		return deed{args: []string{"cache", "prune"}}
	case 6:
		return deed{args: []string{"cache", "prune", "--keep-bytes", "1MB", "--keep-name", fmt.Sprint("app:", n)}}
	case 7:
		return deed{args: []string{"cache", "df"}}
	default:
		script := fmt.Sprintf("cat /v; wc -c </base; sleep 0.%02d; cat /v; wc -c </base", random.IntN(30))
		said := fmt.Sprintf("image %d\n300000\n", n)
		return deed{args: []string{"shell", image, "--", "sh", "-c", script}, wants: said + said}
	}
}

// one does something, and kills it now and then.
func (c *crowd) one(random *rand.Rand) error {
	d := c.deed(random)
	cmd := c.command(d.args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	c.ran.Add(1)
	var kill *time.Timer
	if random.IntN(3) == 0 {
		kill = time.AfterFunc(time.Duration(random.IntN(100))*time.Millisecond, func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
		})
	}
	err := cmd.Wait()
	hit := kill != nil && !kill.Stop()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled():
		c.killed.Add(1)
		return nil
	case hit && d.wants != "" && err != nil: // its init was killed first
		c.killed.Add(1)
		return nil
	case err != nil && !slices.Contains(d.codes, status.ExitStatus()):
		return fmt.Errorf("%v: %w\n%s%s", d.args, err, stdout.Bytes(), stderr.Bytes())
	case err == nil && d.wants != "" && stdout.String() != d.wants:
		return fmt.Errorf("%v printed %q, want %q\n%s", d.args, stdout.String(), d.wants, stderr.Bytes())
	}
	return nil
}

// settles looks at what the crowd has left: a store that is whole, of which removing any
// images frees what was said, until nothing is left.
func (c *crowd) settles(t *testing.T) {
	t.Helper()
	for begun := time.Now(); len(mountsOf(t, c.store)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("still mounted: %v", mountsOf(t, c.store))
		}
	}
	c.answer(t, "cache", "verify")
	c.answer(t, append([]string{"pull", "-q"}, c.images...)...)
	c.frees(t, "cache", "prune")
	c.answer(t, "cache", "verify")
	c.frees(t, "cache", "prune", "--keep-bytes", "2MB")
	c.answer(t, append([]string{"pull", "-q", "--unpack"}, c.images...)...)
	c.frees(t, "rm", c.images[0], c.images[2])
	c.frees(t, "rm", c.images[1], c.images[3], c.images[5], c.images[4])
	c.answer(t, "cache", "verify")
}

func (c *crowd) answer(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := c.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out, stderr.Bytes())
	}
	return out
}

// frees says that a command frees what its dry run says.
func (c *crowd) frees(t *testing.T, args ...string) {
	t.Helper()
	freed := func(flags ...string) (w unpack.Weight) {
		out := c.answer(t, append(slices.Clone(args), append(flags, "-f", "json")...)...)
		var report struct {
			Freed any // of rm a number
			Bytes int64
			Disk  int64
		}
		if err := json.Unmarshal(out, &report); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if freed, ok := report.Freed.(float64); ok {
			report.Bytes = int64(freed)
		}
		return unpack.Weight{Apparent: report.Bytes, Disk: report.Disk}
	}
	said := freed("--dry-run")
	before := c.weigh(t)
	did := freed("--wait")
	lost := before.Minus(c.weigh(t))
	if said != did || did != lost {
		t.Errorf("%s: said %v, freed %v, the store lost %v", strings.Join(args, " "), said, did, lost)
	}
}

func (c *crowd) weigh(t *testing.T) unpack.Weight {
	t.Helper()
	w, err := unpack.Weigh(c.store)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

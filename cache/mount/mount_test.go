//go:build linux

package mount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

const killedVariable = "LAYERS_TEST_MOUNTS_UNTIL_KILLED"

func TestMain(m *testing.M) {
	if dirs := os.Getenv(killedVariable); dirs != "" {
		mountUntilKilled(strings.Split(dirs, "\n"))
	}
	os.Exit(fixtures.AsRoot(m.Run))
}

func mountUntilKilled(lowers []string) {
	for i := 0; ; i++ {
		m, err := New(lowers[:1+i%len(lowers)], Options{Classic: true, UserXattr: fixtures.OneID()})
		if err == nil {
			err = m.Close()
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// lower makes a directory with a file of each name, which says whose it is.
func lower(t *testing.T, room, dir string, names ...string) string {
	t.Helper()
	dir = filepath.Join(room, dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(filepath.Base(dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// attached mounts the directories for the time of the test.
func attached(t *testing.T, lowers []string, o Options) string {
	t.Helper()
	o.UserXattr = fixtures.OneID()
	m, err := New(lowers, o)
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	if err := errors.Join(m.Attach(at), m.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Unmount(at); err != nil {
			t.Error(err)
		}
	})
	return at
}

// has checks what a mount shows: names, each with what is in it.
func has(t *testing.T, dir string, want ...string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range found {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Name()+"="+string(data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("it has %v, not %v", got, want)
	}
}

// eachWay tests what both ways to mount have in common.
func eachWay(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("by fsopen", func(t *testing.T) { test(t, Options{}) })
	t.Run("by mount", func(t *testing.T) { test(t, Options{Classic: true}) })
}

func TestUpperDirectoriesHideLower(t *testing.T) { eachWay(t, upperHideLower) }

func upperHideLower(t *testing.T, o Options) {
	room := t.TempDir()
	low, top := lower(t, room, "low", "a", "b"), lower(t, room, "top", "b", "c")
	has(t, attached(t, []string{low, top}, o), "a=low", "b=top", "c=top")
	has(t, attached(t, []string{low}, o), "a=low", "b=low")
	// An image may have one layer twice: the upper one counts.
	has(t, attached(t, []string{top, low, top}, o), "a=low", "b=top", "c=top")
	has(t, attached(t, []string{low, low}, o), "a=low", "b=low")
}

func TestManyDirectories(t *testing.T) { eachWay(t, manyDirectories) }

func manyDirectories(t *testing.T, o Options) {
	room := t.TempDir()
	var lowers []string
	for i := range MaxLayers + 1 {
		lowers = append(lowers, lower(t, room, fmt.Sprintf("a-long-name-that-no-page-holds-500-of-%d", i), "f"))
	}
	has(t, attached(t, lowers[:MaxLayers], o), "f="+filepath.Base(lowers[MaxLayers-1]))
	if _, err := New(lowers, o); err == nil || !strings.Contains(err.Error(), "501 directories") {
		t.Errorf("one too many: %v", err)
	}
	if _, err := New(nil, o); err == nil {
		t.Error("no directory at all could be mounted")
	}
}

// TestAnyNames says that characters which mount options have a use for may be in names,
// and that a name may be longer than an option of the newer calls.
func TestAnyNames(t *testing.T) { eachWay(t, anyNames) }

func anyNames(t *testing.T, o Options) {
	for _, name := range []string{"a:b", "a,b=c", `a\b`, `a\:b`, `a\,b`, "a b\nc", "+", strings.Repeat("long/", 300) + "name"} {
		room := filepath.Join(t.TempDir(), name)
		low, top := lower(t, room, "low", "a"), lower(t, room, "top", "b")
		has(t, attached(t, []string{low, top}, o), "a=low", "b=top")
		has(t, attached(t, []string{low}, o), "a=low")
		o.Upper, o.Work = lower(t, room, "upper"), lower(t, room, "work")
		at := attached(t, []string{low, top}, o)
		if err := os.WriteFile(filepath.Join(at, "c"), []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		has(t, o.Upper, "c=new")
		o.Upper, o.Work = "", ""
	}
}

// TestRelativeNames says that names need not begin at the root.
func TestRelativeNames(t *testing.T) { eachWay(t, relativeNames) }

func relativeNames(t *testing.T, o Options) {
	t.Chdir(t.TempDir())
	lower(t, ".", "low", "a")
	for _, name := range []string{"top", "upper", "work"} {
		lower(t, ".", name)
	}
	o.Upper, o.Work = "upper", "work"
	has(t, attached(t, []string{"low", "top"}, o), "a=low")
}

// TestNothingCanBeDoneToIt says that a mount is read-only, and that no program in it
// gets rights and no device works.
func TestNothingCanBeDoneToIt(t *testing.T) { eachWay(t, nothingCanBeDone) }

func nothingCanBeDone(t *testing.T, o Options) {
	room := t.TempDir()
	low, top := lower(t, room, "low", "a"), lower(t, room, "top", "b")
	for _, lowers := range [][]string{{low}, {low, top}} {
		at := attached(t, lowers, o)
		if err := os.WriteFile(filepath.Join(at, "new"), nil, 0o600); !errors.Is(err, unix.EROFS) {
			t.Errorf("writing: %v", err)
		}
		if err := os.Remove(filepath.Join(at, "a")); !errors.Is(err, unix.EROFS) {
			t.Errorf("removing: %v", err)
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(at, &fs); err != nil {
			t.Fatal(err)
		}
		for name, flag := range map[string]int64{"ro": unix.ST_RDONLY, "nosuid": unix.ST_NOSUID, "nodev": unix.ST_NODEV} {
			if int64(fs.Flags)&flag == 0 {
				t.Errorf("%d directories: not mounted %s", len(lowers), name)
			}
		}
	}
	has(t, low, "a=low")
}

// TestUpper says that an upper directory takes what is changed.
func TestUpper(t *testing.T) { eachWay(t, upper) }

func upper(t *testing.T, o Options) {
	room := t.TempDir()
	low := lower(t, room, "low", "a")
	upper := lower(t, room, "upper")
	o.Upper, o.Work = upper, lower(t, room, "work")
	at := attached(t, []string{low}, o)
	if err := os.WriteFile(filepath.Join(at, "a"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, at, "a=changed")
	has(t, low, "a=low")
	has(t, upper, "a=changed")
}

// TestErrorsAreTheKernels says that an error has what the kernel says about it.
func TestErrorsAreTheKernels(t *testing.T) {
	low := lower(t, t.TempDir(), "low")
	eachWay(t, func(t *testing.T, o Options) {
		_, err := New([]string{low, low + "/nowhere"}, o)
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("got %v", err)
		}
	})
	if err := Unmount(low); !errors.Is(err, unix.EINVAL) {
		t.Errorf("unmounting what is not mounted: %v", err)
	}
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fs)
	err = failed("fsconfig", fs, unix.FsconfigSetString(fs, "nonsense", "1"))
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "the kernel says: tmpfs: Unknown parameter 'nonsense'") {
		t.Errorf("got %v", err)
	}
}

// TestBusyMountsNameTheirUsers says that a mount in use stays, and who uses it.
func TestBusyMountsNameTheirUsers(t *testing.T) {
	at := attached(t, []string{lower(t, t.TempDir(), "low", "a")}, Options{})
	f, err := os.Open(at + "/a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = Unmount(at)
	var busy *BusyError
	if !errors.As(err, &busy) || len(busy.Users) != 1 || busy.Users[0].PID != os.Getpid() || !errors.Is(err, unix.EBUSY) {
		t.Errorf("got %v", err)
	}
	has(t, at, "a=low")
}

// TestNothingIsLeftOfTheKilled kills a process that mounts, which nobody else ever sees.
func TestNothingIsLeftOfTheKilled(t *testing.T) {
	room := t.TempDir()
	lowers := []string{lower(t, room, "low", "a"), lower(t, room, "top", "b")}
	for i := range 30 {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), killedVariable+"="+strings.Join(lowers, "\n"))
		var out strings.Builder
		c.Stdout = &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+i) * time.Millisecond)
		for range 20 {
			mounts, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(mounts), room) {
				t.Fatalf("a mount is seen: %s", mounts)
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		if _ = c.Wait(); out.Len() > 0 {
			t.Fatal(out.String())
		}
	}
	if err := os.RemoveAll(room); err != nil {
		t.Errorf("something is still mounted: %v", err)
	}
}

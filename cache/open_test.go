package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDefaultDir(t *testing.T) {
	t.Setenv("LAYERS_STORE", "/explicit")
	if got := DefaultDir(); got != "/explicit" {
		t.Errorf("%q", got)
	}
	t.Setenv("LAYERS_STORE", "")
	t.Setenv("XDG_DATA_HOME", "/xdg")
	t.Setenv("HOME", "/home/u")
	want, wantHome := "/xdg/layers", "/home/u/.local/share/layers"
	if os.Geteuid() == 0 {
		want, wantHome = "/var/lib/layers", "/var/lib/layers"
	}
	if got := DefaultDir(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	t.Setenv("XDG_DATA_HOME", "relative")
	if got := DefaultDir(); got != wantHome {
		t.Errorf("%q, want %q", got, wantHome)
	}
}

func TestOpenMakesAStore(t *testing.T) {
	s := testStore(t)
	if fi, err := os.Stat(s.Dir()); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if err := s.Writable(); err != nil {
		t.Error(err)
	}
	check(t, s)
	again := reopen(t, s.Dir())
	if all, err := again.Images(context.Background()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// However far a process came that made a store and was killed, the next one makes
// the rest.
func TestOpenFinishesAStoreInTheMaking(t *testing.T) {
	for name, left := range map[string][]string{
		"nothing":          nil,
		"a temporary file": {initPrefix + "1"},
		"only the layout":  {layoutFile},
		"no index":         {layoutFile, "toc/v1/", versionFile},
		"a mounted disk":   {"lost+found/"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range left {
				place(t, dir, f, `{"imageLayoutVersion":"1.0.0"}`)
			}
			if name == "no index" {
				place(t, dir, versionFile, "1")
			}
			s := reopen(t, dir)
			pull(t, s, image(twoLayers), "example.org/a:1")
			check(t, s)
			if _, err := s.Prune(context.Background(), false); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(filepath.Join(dir, initPrefix+"1")); !errors.Is(err, fs.ErrNotExist) {
				t.Error("the temporary file stays")
			}
		})
	}
}

func place(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if strings.HasSuffix(name, "/") {
		err = os.MkdirAll(path, 0o700)
	} else if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		is    func(error) bool
	}{
		"something else":           {map[string]string{"thesis.tex": "x"}, isA[*ForeignError]},
		"something hidden":         {map[string]string{".git/HEAD": "x"}, isA[*ForeignError]},
		"a later layout":           {map[string]string{layoutFile: `{"imageLayoutVersion":"2.0.0"}`}, isA[*VersionError]},
		"a later store":            {map[string]string{layoutFile: `{"imageLayoutVersion":"1.0.0"}`, versionFile: "2\n"}, isA[*VersionError]},
		"an odd store":             {map[string]string{layoutFile: `{"imageLayoutVersion":"1.0.0"}`, versionFile: "one"}, isA[*VersionError]},
		"a layout that is no JSON": {map[string]string{layoutFile: `<`}, isA[*IndexError]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for f, content := range tt.files {
				place(t, dir, f, content)
			}
			if _, err := Open(dir, Options{}); !tt.is(err) {
				t.Errorf("error %v", err)
			}
			found, err := os.ReadDir(dir)
			if err != nil || len(found) != len(tt.files) {
				t.Errorf("the directory was touched: %v, %v", found, err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	place(t, filepath.Dir(file), "file", "")
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if _, err := Open(dir, Options{}); !isA[*AccessError](err) {
			t.Errorf("%q: error %v", dir, err)
		}
	}
}

// A process without root's privileges plays the other user. An ordinary user has no
// other one to play: then the modes alone must keep the process out.
func init() {
	roles["other-user"] = func(args []string) error {
		if os.Geteuid() == 0 {
			for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)} {
				if err != nil {
					return err
				}
			}
		}
		return useReadOnly(args[0], args[1])
	}
}

// useReadOnly demands of a store that it answers and that it says why it cannot be
// written, or, if it cannot even be read, why that is.
func useReadOnly(dir, mode string) error {
	ctx := context.Background()
	s, err := Open(dir, Options{})
	if mode == "closed" {
		if !isA[*AccessError](err) {
			return errors.Join(errors.New("opening a closed store"), err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := s.Find(ctx, "example.org/a:1")
	if err != nil || len(found) != 1 {
		return errors.Join(errors.New("finding the image"), err)
	}
	img, err := s.Image(ctx, found[0].Digest)
	if err != nil {
		return err
	}
	other := image("-- 0/other --\nother\n")
	layers, err := s.Layers(ctx, img, "a:1")
	if err == nil {
		_, err = layers[1].TOC.Lookup("srv/data")
	}
	if err == nil {
		layers, err = s.Layers(ctx, other, "other")
	}
	if err == nil {
		_, err = layers[0].TOC.Lookup("other")
	}
	if err != nil {
		return err
	}
	if r, err := s.Verify(ctx, VerifyOptions{}); err != nil || len(r.Damage) > 0 || r.Images != 1 {
		return errors.Join(errors.New("verifying "+strconv.Itoa(len(r.Damage))), err)
	}
	if data, err := s.Memo("key", func() ([]byte, error) { return []byte("value"), nil }); err != nil || string(data) != "value" {
		return errors.Join(errors.New("memo"), err)
	}
	// What would be freed is no secret of those who can read.
	freed, err := s.Remove(ctx, found, true)
	i, inventoryErr := s.Inventory(ctx)
	if _, dryErr := s.Prune(ctx, true); errors.Join(err, inventoryErr, dryErr) != nil || freed.Disk == 0 || len(i.Holders) != 1 {
		return errors.Join(fmt.Errorf("what would be freed: %v", freed), err, inventoryErr, dryErr)
	}
	_, pullErr := s.Pull(ctx, other, PullOptions{})
	_, removeErr := s.Remove(ctx, found, false)
	_, pruneErr := s.Prune(ctx, false)
	_, repairErr := s.Verify(ctx, VerifyOptions{Repair: true})
	for _, err := range []error{s.Writable(), pullErr, removeErr, pruneErr, repairErr} {
		if !isA[*AccessError](err) {
			return errors.Join(errors.New("no access error"), err)
		}
	}
	if scratch := s.ScratchDir(); strings.HasPrefix(scratch, dir) {
		return errors.New("scratch in a store that cannot be written: " + scratch)
	}
	return nil
}

func TestStoreOfAnotherUser(t *testing.T) {
	base := openToAll(t)
	dir := filepath.Join(base, "store")
	s := reopen(t, dir)
	pull(t, s, image(twoLayers), "example.org/a:1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	setModes(t, dir, 0, 0)
	asOther(t, base, dir, "closed")
	asOther(t, base, filepath.Join(dir, "below"), "closed")
	setModes(t, dir, 0o555, 0o444)
	asOther(t, base, dir, "readable")
	if os.Geteuid() != 0 {
		return
	}
	// Root can write everywhere, and leaves the stores of others alone.
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := useReadOnly(dir, "readable"); err != nil {
		t.Error(err)
	}
}

// setModes gives a directory, and all that is in it if it can be entered then, other
// modes, and takes back at the end what would keep it from being removed.
func setModes(t *testing.T, dir string, dirs, files os.FileMode) {
	t.Helper()
	all := func(dirs, files os.FileMode) error {
		if dirs == 0 {
			return os.Chmod(dir, 0)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
		return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				return os.Chmod(path, dirs)
			}
			return os.Chmod(path, files)
		})
	}
	if err := all(dirs, files); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := all(0o700, 0o600); err != nil {
			t.Error(err)
		}
	})
}

// openToAll is a temporary directory that every user may enter.
func openToAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cache-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func asOther(t *testing.T, temp, dir, mode string) {
	t.Helper()
	cmd := startAs(t, "other-user", dir, mode)
	cmd.Env = append(cmd.Env, "TMPDIR=/tmp")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", mode, err, out)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	if asRoot(t) {
		return
	}
	dir := mountTmpfs(t, "size=16m")
	s := reopen(t, filepath.Join(dir, "store"))
	pull(t, s, image(twoLayers), "example.org/a:1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := useReadOnly(s.Dir(), "readable"); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "new"), Options{}); !isA[*AccessError](err) {
		t.Errorf("error %v", err)
	}
}

// asRoot runs a test that mounts once more if an ordinary user runs it: as root of a
// user namespace. It reports whether it did.
func asRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	one := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: one(os.Geteuid()), GidMappings: one(os.Getegid())}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a user namespace: %v\n%s", err, out)
	}
	return true
}

func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	if asRoot(t) {
		return
	}
	ctx := context.Background()
	img := big(t)
	dir := mountTmpfs(t, "size=2m")
	s := reopen(t, filepath.Join(dir, "store"))
	small := pull(t, s, image(twoLayers), "example.org/small:1")

	// Known beforehand.
	_, err := s.Pull(ctx, img, PullOptions{Names: []string{"example.org/big:1"}})
	var full *SpaceError
	if !errors.As(err, &full) || full.Need <= full.Free || full.Free <= 0 {
		t.Errorf("error %v", err)
	}
	// Met on the way: the partial download is cut by the disk.
	for fill := range 24 {
		place(t, dir, "fill", strings.Repeat("x", 1<<20+fill<<15))
		_, err = s.Pull(ctx, image("-- 0/a --\n"+noise(256<<10)), PullOptions{Names: []string{"example.org/b:1"}})
		if err != nil && !errors.As(err, &full) {
			t.Errorf("error %v", err)
		}
		wholeStore(t, s, small, err == nil)
		if err := os.Remove(filepath.Join(dir, "fill")); err != nil {
			t.Fatal(err)
		}
		restart(t, s)
	}
	// What is derived has room elsewhere.
	place(t, dir, "fill", "")
	fillUp(t, filepath.Join(dir, "fill"))
	wantLayers(t, s, image("-- 0/a --\n"+noise(64<<10)), [][]string{{"a"}})
	if data, err := s.Memo("key", func() ([]byte, error) { return make([]byte, 1<<20), nil }); err != nil || len(data) != 1<<20 {
		t.Error(err)
	}
	wholeStore(t, s, small, false)
	// Nor does it keep anybody from making room.
	fresh := reopen(t, s.Dir())
	if freed, err := fresh.Remove(ctx, []Stored{small}, false); err != nil || freed.Disk == 0 {
		t.Errorf("%v freed, %v", freed, err)
	}
	wantStored(t, s)
	if _, err := s.Prune(ctx, false); err != nil {
		t.Error(err)
	}
}

// wholeStore demands that what is named is whole, whatever happened.
func wholeStore(t *testing.T, s *Store, st Stored, more bool) {
	t.Helper()
	want := 1
	if more {
		want = 2
	}
	if r := check(t, s); r.Images != want {
		t.Errorf("%d images, want %d", r.Images, want)
	}
	if _, err := s.Image(context.Background(), st.Digest); err != nil {
		t.Error(err)
	}
}

func restart(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	found, err := s.Find(ctx, "example.org/b:1")
	if err == nil {
		_, err = s.Remove(ctx, found, false)
	}
	if err == nil {
		_, err = s.Prune(ctx, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// noise is text that does not compress to much less than half.
func noise(n int) string {
	var b strings.Builder
	for x := uint32(7); b.Len() < n; {
		x = x*1664525 + 1013904223
		b.WriteString(strconv.FormatUint(uint64(x), 36))
	}
	return b.String() + "\n"
}

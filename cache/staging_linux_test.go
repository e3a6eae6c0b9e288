package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/fixtures"
)

// rawSnapshots lists the snapshots of a store with all that is in them, but for the
// times of whiteouts, which no layer gives, and which loss was met first.
func rawSnapshots(t testing.TB, s *Store) map[string][]fixtures.OnDisk {
	t.Helper()
	found, err := os.ReadDir(s.path(snapshotDir))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]fixtures.OnDisk{}
	for _, e := range found {
		files, err := fixtures.Disk(s.snapshotPath(e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			f := &files[i]
			if f.Path == "" || f.Path == snapshotLosses || f.Path == snapshotWeight || f.Kind == "char" && f.Major == 0 && f.Minor == 0 {
				f.ModTime = time.Time{}
			}
			if f.Path == snapshotLosses {
				f.Content = anyPath(t, f.Content)
			}
			if f.Path == snapshotWeight && f.Content == weigh(t, s.snapshotPath(e.Name())).Text() {
				f.Content = "what it weighs" // which the path of a loss is a part of
			}
		}
		all[e.Name()] = files
	}
	return all
}

func anyPath(t testing.TB, losses string) string {
	t.Helper()
	var all []unpack.Loss
	if err := json.Unmarshal([]byte(losses), &all); err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, l := range all {
		text = append(text, fmt.Sprint(l.What, l.Count))
	}
	slices.Sort(text)
	return fmt.Sprint(text)
}

// nothingStaged demands that neither contents nor half a snapshot are left.
func nothingStaged(t testing.TB, s *Store) {
	t.Helper()
	scratch, err := os.ReadDir(s.path(scratchDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range scratch {
		left, err := os.ReadDir(s.path(scratchDir, e.Name()))
		if err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", e.Name(), left, err)
		}
	}
}

// kinds are those of the snapshots that this user can make.
func kinds() []SnapshotOptions {
	if os.Geteuid() == 0 && !fixtures.OneID() {
		return []SnapshotOptions{{}, {Rootless: true}}
	}
	return []SnapshotOptions{{Rootless: true}}
}

// TestPullUnpacksWhatSnapshotsAre says that snapshots made in the pass of a pull have
// the names and are the trees of those that are made from the blobs, for random
// stacks, and that no layer was read again for them.
func TestPullUnpacksWhatSnapshotsAre(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(fmt.Sprintf("rootless %v", kind.Rootless), func(t *testing.T) {
			made := 0
			for seed := range uint64(25) {
				made += checkPullUnpacks(t, seed, kind)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			if made < 40 {
				t.Errorf("only %d snapshots were made", made)
			}
		})
	}
}

// checkPullUnpacks returns how many snapshots were made, those of an image that shares
// layers with another included.
func checkPullUnpacks(t *testing.T, seed uint64, kind SnapshotOptions) (made int) {
	t.Helper()
	var seen steps
	one, two := testStore(t, seen.listen), testStore(t)
	rng := rand.New(rand.NewPCG(seed, 23))
	stack := fixtures.Random(rng, fixtures.RandomOptions{Odd: seed%2 == 0})
	for i := range 3 {
		img := fixtures.Build(stack)
		told := 0
		st, err := one.Pull(t.Context(), img, PullOptions{Names: []string{fmt.Sprintf("example.org/a:%d", i)}, Unpack: &kind,
			Unpacked: func(found *Snapshots) { told += found.Made }})
		_, wantErr := two.Pull(t.Context(), img, PullOptions{})
		if wantErr == nil {
			var found *Snapshots
			if found, wantErr = two.Snapshots(t.Context(), img, kind); wantErr == nil {
				made, wantErr = made+found.Made, found.Release()
			}
			if _, err := one.Image(t.Context(), st.Digest); err != nil {
				t.Errorf("the image is not whole: %v", err)
			}
		}
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%v, and %v", err, wantErr)
		}
		nothingStaged(t, one)
		if err != nil {
			continue
		}
		if got, want := rawSnapshots(t, one), rawSnapshots(t, two); !reflect.DeepEqual(got, want) {
			t.Errorf("snapshots %v, want %v", got, want)
		}
		rng.Shuffle(len(stack), func(i, j int) { stack[i], stack[j] = stack[j], stack[i] })
		if i == 0 && seen.count(Reading) > 0 {
			t.Error("a layer was read again")
		}
	}
	return made
}

// TestPullReadsOnceToUnpack tells by the steps what was read: a layer that is there
// twice, and files that hard links of upper layers lead to, are no reason to read
// again; a layer that is here and was never unpacked is read from its blob.
func TestPullReadsOnceToUnpack(t *testing.T) {
	low := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "a", Body: "low"}, fixtures.Entry{Name: "b", Body: noise(300_000)})
	links := fixtures.NewLayer(fixtures.Zstd, fixtures.Entry{Name: "l", Type: '1', Link: "a"},
		fixtures.Entry{Name: "m", Type: '1', Link: "b"}, fixtures.Entry{Name: "n", Type: '1', Link: "b"})
	top := fixtures.NewLayer(fixtures.None, fixtures.Entry{Name: "c", Body: "top"})
	rootless := &SnapshotOptions{Rootless: true}
	var seen steps
	s := testStore(t, seen.listen)
	img := imageOf(low, links, low, top)
	var found Snapshots
	o := PullOptions{Names: []string{"example.org/a:1"}, Unpack: rootless, Unpacked: func(f *Snapshots) { found = *f }}
	for range 2 {
		if _, err := s.Pull(t.Context(), img, o); err != nil {
			t.Fatal(err)
		}
		if seen.count(Reading) > 0 || seen.count(Unpacking) != 3 || seen.count(Done) > 0 {
			t.Errorf("steps: %+v", seen.events)
		}
	}
	if found.Made != 0 || len(found.Dirs) < 4 {
		t.Errorf("made %d again of %d", found.Made, len(found.Dirs))
	}
	files := listed(t, found.Dirs[1])
	if len(files) != 4 || files[1].Content != "low" || files[2].Content != noise(300_000) || files[3].Group != files[2].Group {
		t.Errorf("hard links: %v", files)
	}
	// It is here and another kind of its snapshots is; then the layers alone are.
	var more steps
	s2 := testStore(t, more.listen)
	pull(t, s2, img, "example.org/a:1")
	o.Unpack = &SnapshotOptions{Rootless: true, Layers: 2}
	if _, err := s2.Pull(t.Context(), img, o); err != nil {
		t.Fatal(err)
	}
	if found.Made != 2 || len(found.Dirs) != 2 || more.count(Reading) == 0 || more.count(Unpacked) != 2 {
		t.Errorf("made %d of %d, steps %+v", found.Made, len(found.Dirs), more.events)
	}
	nothingStaged(t, s)
	nothingStaged(t, s2)
}

// TestSnapshotsOfWhatWasNeverRead says that the snapshots of an image that is read
// where it lies take one pass, too.
func TestSnapshotsOfWhatWasNeverRead(t *testing.T) {
	var seen steps
	s := testStore(t, seen.listen)
	src := &probe{Image: unpackedImage()}
	found := snapshotsOf(t, s, src)
	defer found.Release()
	if n := src.opened.Load(); n != 2 || found.Made != 2 {
		t.Errorf("%d layers were opened for %d snapshots", n, found.Made)
	}
	want := testStore(t)
	pull(t, want, unpackedImage())
	of := snapshotsOf(t, want, unpackedImage())
	defer of.Release()
	if !reflect.DeepEqual(rawSnapshots(t, s), rawSnapshots(t, want)) {
		t.Error("the snapshots differ")
	}
	nothingStaged(t, s)
}

// TestDamageIsNeverUnpacked flips bytes and lies about DiffIDs: there is no snapshot,
// and nothing is left of the contents.
func TestDamageIsNeverUnpacked(t *testing.T) {
	s := testStore(t)
	img := unpackedImage()
	rng := rand.New(rand.NewPCG(7, 7))
	for range 30 {
		flip := rng.IntN(100_000)
		src := &probe{Image: img, body: func(blob []byte, offset int64) (io.Reader, int64, error) {
			bad := bytes.Clone(blob)
			bad[flip%len(bad)] ^= 1 << (flip % 8)
			return bytes.NewReader(bad[offset:]), offset, nil
		}}
		_, err := s.Pull(t.Context(), src, PullOptions{Unpack: &SnapshotOptions{Rootless: true}})
		if !isA[*layer.MismatchError](err) {
			t.Errorf("byte %d: %v", flip, err)
		}
		noSnapshots(t, s)
	}
	lie := fixtures.Image(twoLayers, fixtures.Config(func(c *v1.ConfigFile) {
		c.RootFS.DiffIDs[1] = digestOf([]byte("something else"))
	}))
	if _, err := s.Pull(t.Context(), lie, PullOptions{Unpack: &SnapshotOptions{Rootless: true}}); !isA[*ConfigError](err) {
		t.Errorf("a lie about a DiffID: %v", err)
	}
	noSnapshots(t, s)
}

func noSnapshots(t *testing.T, s *Store) {
	t.Helper()
	if found := rawSnapshots(t, s); len(found) > 0 {
		t.Errorf("there are snapshots: %v", found)
	}
	nothingStaged(t, s)
}

// TestLimitsHoldWhileUnpacking stops a layer that goes beyond a limit.
func TestLimitsHoldWhileUnpacking(t *testing.T) {
	for name, limits := range map[string]layer.Limits{"entries": {Entries: 200}, "unpacked": {Unpacked: 500_000}} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t, func(o *Options) { o.Limits = limits })
			_, err := s.Pull(t.Context(), unpackedImage(), PullOptions{Unpack: &SnapshotOptions{Rootless: true}})
			if !isA[*layer.LimitError](err) {
				t.Errorf("error %v", err)
			}
			noSnapshots(t, s)
		})
	}
}

// TestFullDiskWhileUnpacking says that a disk without room for the files is told as
// such, that nothing stays of what was staged, and that the image can be had packed.
func TestFullDiskWhileUnpacking(t *testing.T) {
	if asRoot(t) {
		return
	}
	s := reopen(t, filepath.Join(mountTmpfs(t, "size=3m"), "store"))
	var small []fixtures.Entry
	for i := range 40 {
		small = append(small, fixtures.Entry{Name: fmt.Sprint("f", i), Body: strings.Repeat("abcdefg", 12_000)})
	}
	for name, img := range map[string]v1.Image{
		"small files": imageOf(fixtures.NewLayer(fixtures.Gzip, small...)),
		"a large one": imageOf(fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "f", Body: strings.Repeat("abcdefg", 900_000)})),
	} {
		_, err := s.Pull(t.Context(), img, PullOptions{Unpack: &SnapshotOptions{Rootless: true}})
		if !isA[*SpaceError](err) {
			t.Errorf("%s: %v", name, err)
		}
		noSnapshots(t, s)
		pull(t, s, img)
	}
}

// TestUnpackErrorLeavesTheImage says that what cannot be unpacked can be pulled.
func TestUnpackErrorLeavesTheImage(t *testing.T) {
	s := testStore(t)
	img := imageOf(fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "l", Type: '1', Link: "nowhere"}))
	_, err := s.Pull(t.Context(), img, PullOptions{Names: []string{"example.org/a:1"}, Unpack: &SnapshotOptions{Rootless: true},
		Unpacked: func(*Snapshots) { t.Error("it was unpacked") }})
	if !isA[*layer.DanglingError](err) {
		t.Errorf("error %v", err)
	}
	if found, err := s.Find(t.Context(), "example.org/a:1"); err != nil || len(found) != 1 {
		t.Errorf("in the store: %v, %v", found, err)
	}
	noSnapshots(t, s)
	check(t, s)
}

func init() {
	roles["unpackingPuller"] = func(args []string) error {
		s, err := Open(args[0], Options{})
		if err != nil {
			return err
		}
		_, err = s.Pull(context.Background(), unpackedImage(), PullOptions{Unpack: &SnapshotOptions{Rootless: true}})
		return errors.Join(err, s.Close())
	}
	roles["unpackingPullers"] = func(args []string) error {
		s, err := Open(args[0], Options{})
		if err != nil {
			return err
		}
		for i, img := range victimImages() {
			_, err := s.Pull(context.Background(), &httpImage{img, args[1]},
				PullOptions{Names: []string{victimName(i)}, Unpack: &SnapshotOptions{Rootless: true}})
			if err != nil {
				return err
			}
		}
		return s.Close()
	}
}

// TestKilledWhileUnpacking kills a pull that unpacks at random moments: what has a name
// is whole, and what has none is swept.
func TestKilledWhileUnpacking(t *testing.T) {
	t.Parallel() // most of its time goes to disks
	store := filepath.Join(t.TempDir(), "store")
	start := time.Now()
	if out, err := startAs(t, "unpackingPuller", store).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	s := reopen(t, store)
	whole := rawSnapshots(t, s)
	if len(whole) != 2 {
		t.Fatalf("%d snapshots", len(whole))
	}
	rng := rand.New(rand.NewPCG(6, 6))
	for i := range kills {
		if i%2 == 0 { // else what is there already is found
			emptyStore(t, s)
			prune(t, s)
			if left := rawSnapshots(t, s); len(left) > 0 {
				t.Fatalf("left: %v", left)
			}
		}
		cmd := startAs(t, "unpackingPuller", store)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took) * 3 / 2)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		for name, files := range rawSnapshots(t, s) {
			if !reflect.DeepEqual(files, whole[name]) {
				t.Fatal("a snapshot is there and is not whole")
			}
		}
	}
	check(t, s)
	emptyStore(t, s)
	prune(t, s)
	nothingStaged(t, s)
	// The lease and the scratch directory are those of this process.
	for dir, most := range map[string]int{snapshotDir: 0, ingestDir: 0, scratchDir: 1, leaseDir: 1} {
		if left, err := os.ReadDir(s.path(dir)); err != nil || len(left) > most {
			t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
}

// TestProcessesUnpackOnce has several processes pull and unpack images that share a
// layer: all get the same snapshots, and each blob is sent once.
func TestProcessesUnpackOnce(t *testing.T) {
	var sent atomic.Int64
	url := blobServer(t, &sent)
	s := testStore(t)
	var all []*neighbourProcess
	for range 3 {
		all = append(all, startNeighbour(t, "unpackingPullers", s.Dir(), url))
	}
	for _, p := range all {
		p.stop(t)
	}
	want := testStore(t)
	var size int64
	for i, img := range victimImages() {
		pull(t, want, img, victimName(i))
		if err := snapshotsOf(t, want, img).Release(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range files(t, want, blobDir) {
		size += n
	}
	if got := rawSnapshots(t, s); len(got) != 7 || !reflect.DeepEqual(got, rawSnapshots(t, want)) {
		t.Errorf("%d snapshots, or others", len(got))
	}
	for path, n := range files(t, want, blobDir) {
		if data, err := os.ReadFile(want.path(path)); err != nil || bytes.HasPrefix(data, []byte("{")) {
			size -= n // a config or a manifest
		}
	}
	if sent.Load() != size {
		t.Errorf("%d bytes were sent, want %d", sent.Load(), size)
	}
	for _, dir := range []string{ingestDir, leaseDir, scratchDir} {
		if left, err := os.ReadDir(s.path(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
	check(t, s)
}

package cache

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

func itoa(n int) string { return strconv.Itoa(n) }

func stored(t testing.TB, s *Store) []string {
	t.Helper()
	all, err := s.Images(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, st := range all {
		names = append(names, st.Name+" "+st.Platform.String()+" "+st.Digest.Hex[:7])
	}
	return names
}

func wantStored(t testing.TB, s *Store, want ...string) {
	t.Helper()
	if got := stored(t, s); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("images\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func short(t testing.TB, img v1.Image) string {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.Hex[:7]
}

func TestNames(t *testing.T) {
	s := testStore(t)
	one := image("-- 0/a --\n1\n", fixtures.Platform("linux/amd64"))
	two := image("-- 0/a --\n2\n", fixtures.Platform("linux/amd64"))
	arm := image("-- 0/a --\n3\n", fixtures.Platform("linux/arm64/v8"))

	pull(t, s, one)
	wantStored(t, s, " linux/amd64 "+short(t, one))
	// With a name, the image needs no entry without one.
	pull(t, s, one, "example.org/a:1", "example.org/a:2")
	pull(t, s, one)
	wantStored(t, s, "example.org/a:1 linux/amd64 "+short(t, one), "example.org/a:2 linux/amd64 "+short(t, one))
	// Another platform joins; another image for the same one replaces.
	pull(t, s, arm, "example.org/a:1")
	pull(t, s, two, "example.org/a:1")
	wantStored(t, s,
		"example.org/a:1 linux/amd64 "+short(t, two),
		"example.org/a:1 linux/arm64/v8 "+short(t, arm),
		"example.org/a:2 linux/amd64 "+short(t, one))
	check(t, s)
}

// What a name was pulled from is kept, and who takes it from another image is told.
func TestOrigin(t *testing.T) {
	s := testStore(t)
	one, two := image("-- 0/a --\n1\n"), image("-- 0/a --\n2\n")
	for i, c := range []struct {
		img      v1.Image
		origin   string
		replaced string // digest and origin
		after    string // the origin
	}{
		{one, "registry", "", "registry"},
		{one, "oci", "", "oci"},
		{one, "", "", "oci"},
		{two, "docker-archive", short(t, one) + " oci", "docker-archive"},
		{two, "docker-archive", "", "docker-archive"},
		{one, "", short(t, two) + " docker-archive", ""},
	} {
		replaced := ""
		_, err := s.Pull(context.Background(), c.img, PullOptions{
			Names: []string{"example.org/a:1"}, Origin: c.origin,
			Replaced: func(old Stored) { replaced += old.Digest.Hex[:7] + " " + old.Origin },
		})
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Images(context.Background())
		if err != nil || len(all) != 1 || all[0].Origin != c.after || replaced != c.replaced {
			t.Errorf("%d: %+v, replaced %q, %v", i, all, replaced, err)
		}
	}
}

func TestNamesThatChangeNothingAreNotWritten(t *testing.T) {
	s := testStore(t)
	img := image(twoLayers)
	pull(t, s, img, "example.org/a:1")
	before, err := os.Stat(s.path(indexFile))
	if err != nil {
		t.Fatal(err)
	}
	pull(t, s, img, "example.org/a:1")
	after, err := os.Stat(s.path(indexFile))
	if err != nil || !os.SameFile(before, after) {
		t.Error("index.json was written again", err)
	}
}

func TestFind(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	img := image(twoLayers)
	index := digestOf([]byte("index"))
	st, err := s.Pull(ctx, img, PullOptions{Names: []string{"example.org/a:1"}, Index: &index})
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"example.org/a:1":                     1,
		"example.org/a:2":                     0,
		"":                                    0,
		st.Digest.String():                    1,
		st.Digest.Hex[:7]:                     1,
		"sha256:" + st.Digest.Hex[:12]:        1,
		config.Hex[:12]:                       1,
		strings.Repeat("0", 12):               0,
		"zz":                                  0,
		"example.org/b@" + st.Digest.String(): 1,
		"example.org/b:9@" + index.String():   1,
		"example.org/a:1@" + config.String():  0,
	} {
		found, err := s.Find(ctx, query)
		if err != nil || len(found) != want {
			t.Errorf("%q: %v, %v", query, found, err)
		}
		for _, f := range found {
			if f.Name != "example.org/a:1" || f.Digest != st.Digest || *f.Index != index || !f.Pulled.Equal(st.Pulled) {
				t.Errorf("%q: %+v", query, f)
			}
		}
	}
}

// What other programs put into index.json stays as it is.
func TestNamesOfOthersAreKept(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	img := image(twoLayers)
	st := pull(t, s, img, "example.org/a:1")
	foreign := []string{
		`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + st.Digest.String() + `","size":1,"annotations":{"org.opencontainers.image.ref.name":"latest","x":"y"},"newField":[1,2]}`,
		`{"mediaType":"application/vnd.example+json","digest":"sha512:` + strings.Repeat("0", 128) + `","size":1}`,
	}
	edit(t, s, func(m map[string]json.RawMessage) {
		list := strings.TrimSuffix(string(m["manifests"]), "]")
		m["manifests"] = json.RawMessage(list + "," + strings.Join(foreign, ",") + "]")
		m["annotations"] = json.RawMessage(`{"kept":"yes"}`)
	})
	pull(t, s, image("-- 0/b --\nb\n"), "example.org/b:1")
	found, err := s.Find(ctx, "example.org/a:1")
	if err != nil {
		t.Fatal(err)
	}
	if freed, err := s.Remove(ctx, found, false); err != nil || freed.Disk != 0 {
		t.Errorf("%v were freed that another name needs: %v", freed, err)
	}
	data, err := os.ReadFile(s.path(indexFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(foreign, `"annotations":{"kept":"yes"}`) {
		if !strings.Contains(string(data), want) {
			t.Errorf("index.json lost %s:\n%s", want, data)
		}
	}
	wantStored(t, s, "example.org/b:1 linux/amd64 "+stored(t, s)[0][28:], "latest linux/amd64 "+st.Digest.Hex[:7])
	check(t, s)
}

func edit(t testing.TB, s *Store, change func(map[string]json.RawMessage)) {
	t.Helper()
	data, err := os.ReadFile(s.path(indexFile))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if data, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(indexFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNamesThatCannotBeRead(t *testing.T) {
	ctx := context.Background()
	for _, content := range []string{"", "null", "[]", `{"manifests":3}`, `{"manifests":[{}]}`, `{"manifests":[{"digest":"../../etc/passwd"}]}`} {
		s := testStore(t)
		pull(t, s, image(twoLayers), "example.org/a:1")
		place(t, s.Dir(), indexFile, content)
		blobs := len(files(t, s, blobDir))
		_, listErr := s.Images(ctx)
		_, pruneErr := s.Prune(ctx, false)
		_, pullErr := s.Pull(ctx, image(twoLayers), PullOptions{Names: []string{"example.org/b:1"}})
		for _, err := range []error{listErr, pruneErr, pullErr} {
			if !isA[*IndexError](err) {
				t.Errorf("%q: error %v", content, err)
			}
		}
		if got, err := os.ReadFile(s.path(indexFile)); err != nil || string(got) != content || len(files(t, s, blobDir)) != blobs {
			t.Errorf("%q: the store was changed", content)
		}
	}
}

func TestNamesFromManyAtOnce(t *testing.T) {
	s := testStore(t)
	stores := []*Store{s, reopen(t, s.Dir()), reopen(t, s.Dir())}
	var wg sync.WaitGroup
	want := []string{}
	img := image(twoLayers)
	for i := range 30 {
		name := "example.org/a:" + itoa(100+i)
		want = append(want, name+" linux/amd64 "+short(t, img))
		wg.Go(func() { pull(t, stores[i%3], img, name) })
	}
	wg.Wait()
	wantStored(t, s, want...)
	check(t, s)
}

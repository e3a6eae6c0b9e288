package layer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/layers/layers/fixtures"
)

// TestFingerprintsAreOfWhatIsThere changes random layers in one way each: times, the order
// of the tar, the compressor, or anything that counts.
func TestFingerprintsAreOfWhatIsThere(t *testing.T) {
	compared := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 31))
		entries := fixtures.Random(rng, fixtures.RandomOptions{Layers: 1})[0]
		first, err := tocOfEntries(t, entries)
		if err != nil || len(entries) == 0 {
			continue
		}
		compared++
		later := slices.Clone(entries)
		for i := range later {
			later[i].ModTime = fixtures.Epoch.Add(time.Duration(1+i) * time.Hour)
		}
		more := append(slices.Clone(entries), fixtures.Entry{Name: "one/more", Body: "x"})
		for _, c := range []struct {
			what    string
			entries []fixtures.Entry
			same    bool
		}{{"times", later, true}, {"nothing", entries, true}, {"a file more", more, false}} {
			other, err := tocOfEntries(t, c.entries)
			if err != nil {
				t.Fatal(err)
			}
			holdFingerprints(t, fmt.Sprintf("seed %d, %s", seed, c.what), first, other, c.same)
		}
	}
	if compared < 100 {
		t.Errorf("only %d layers were compared", compared)
	}
}

func tocOfEntries(t *testing.T, entries []fixtures.Entry) (*TOC, error) {
	t.Helper()
	tocs, err := tryStack(t, [][]fixtures.Entry{entries})
	if err != nil {
		return nil, err
	}
	return tocs[0], nil
}

// holdFingerprints holds them against what the tables list.
func holdFingerprints(t *testing.T, name string, a, b *TOC, same bool) {
	t.Helper()
	x, errX := a.Fingerprint()
	y, errY := b.Fingerprint()
	if errX != nil || errY != nil {
		t.Fatal(errX, errY)
	}
	if (x.Content == y.Content) != same {
		t.Errorf("%s: the same content: %v, want %v", name, x.Content == y.Content, same)
	}
	if !same {
		return
	}
	want := int64(0)
	times := map[string]Time{}
	for e, err := range a.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		times[e.Path] = e.ModTime
	}
	for e, err := range b.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := times[e.Path]; ok && was != e.ModTime && e.Kind != Absent && e.Kind != HardLink {
			want++
		}
	}
	got, err := OtherTimes(a, b)
	if err != nil || got != want || (x.Times == y.Times) != (want == 0) {
		t.Errorf("%s: %d times differ (%v), want %d; the same times: %v", name, got, err, want, x.Times == y.Times)
	}
}

func TestFingerprintOfTheRoot(t *testing.T) {
	toc := func(entries ...fixtures.Entry) *TOC {
		t.Helper()
		read, err := tocOfEntries(t, entries)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	a := toc(fixtures.Entry{Name: "./", Mode: 0o755}, fixtures.Entry{Name: "a"})
	for what, b := range map[string]*TOC{
		"mode":    toc(fixtures.Entry{Name: "./", Mode: 0o700}, fixtures.Entry{Name: "a"}),
		"owner":   toc(fixtures.Entry{Name: "./", Mode: 0o755, UID: 5}, fixtures.Entry{Name: "a"}),
		"xattrs":  toc(fixtures.Entry{Name: "./", Mode: 0o755, Xattrs: map[string]string{"user.a": "b"}}, fixtures.Entry{Name: "a"}),
		"opaque":  toc(fixtures.Entry{Name: "./", Mode: 0o755}, fixtures.Entry{Name: ".wh..wh..opq"}, fixtures.Entry{Name: "a"}),
		"nothing": toc(),
	} {
		x, errX := a.Fingerprint()
		y, errY := b.Fingerprint()
		if errX != nil || errY != nil || x.Content == y.Content {
			t.Errorf("%s: it is not seen (%v, %v)", what, errX, errY)
		}
	}
}

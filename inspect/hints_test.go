package inspect

import (
	"fmt"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func history(lines ...[3]string) []v1.History {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var out []v1.History
	for _, l := range lines {
		d, err := time.ParseDuration(l[2])
		if err != nil {
			panic(err)
		}
		at = at.Add(d)
		h := v1.History{CreatedBy: l[0], Comment: l[1], Created: v1.Time{Time: at}}
		if len(l[0]) > 0 && l[0][0] == '-' {
			h.CreatedBy, h.EmptyLayer = l[0][1:], true
		}
		out = append(out, h)
	}
	return out
}

func TestHints(t *testing.T) {
	digest := hash(number(5))
	m := &v1.Manifest{Annotations: map[string]string{baseNameKey: "a:1", baseDigestKey: digest}, Layers: make([]v1.Descriptor, 3)}
	c := &v1.ConfigFile{History: history(
		[3]string{"ADD", "FROM scratch", "0s"}, [3]string{"-CMD", "FROM 0123456789ab", "0s"}, [3]string{"-ENV", "FROM deb:1", "0s"},
		[3]string{"RUN", "FROM 586a70286edc", "0s"}, [3]string{"RUN", "FROM py:1", "0s"}, [3]string{"-CMD", "FROM a:1", "0s"},
	)}
	c.Config.Labels = map[string]string{baseNameKey: "a:1", baseDigestKey: digest}
	var got []string
	for _, h := range Hints(m, c) {
		if h.Verdict != VerdictUnchecked || h.Sure != Likely {
			t.Errorf("believed: %+v", h)
		}
		got = append(got, fmt.Sprint(h.Source, " ", h.Name, " ", h.Below))
	}
	if want := "[annotation a:1 0 history py:1 2 history deb:1 1]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	m.Layers = make([]v1.Descriptor, 2)
	if h := Hints(m, c); len(h) != 1 {
		t.Errorf("a history of other layers: %+v", h)
	}
	if h := Hints(&v1.Manifest{}, &v1.ConfigFile{}); h == nil || len(h) != 0 {
		t.Errorf("%#v", h)
	}
	c.History = nil
	for i := range 100 {
		c.History = append(c.History, v1.History{Comment: fmt.Sprint("FROM x:", i)})
	}
	m.Layers = make([]v1.Descriptor, 100)
	if h := Hints(m, c); len(h) != mostHints {
		t.Errorf("%d hints", len(h))
	}
}

func TestJudge(t *testing.T) {
	ids := numbers(1, 2, 3)
	base := Candidate{DiffIDs: numbers(1, 2), Digest: number(50)}
	other := Candidate{DiffIDs: numbers(1, 4), Digest: number(51)}
	index := number(60)
	for _, c := range []struct {
		name    string
		digest  string
		found   Candidate
		verdict Verdict
		sure    Certainty
	}{
		{"name", "", base, VerdictBase, SameLayers},
		{"name and digest", hash(number(50)), base, VerdictBase, SameDigest},
		{"index", hash(index), Candidate{DiffIDs: base.DiffIDs, Digest: number(50), Index: &index}, VerdictBase, SameDigest},
		{"same layers, another digest", hash(number(9)), base, VerdictBase, SameLayers},
		{"wrong", "", other, VerdictWrong, ""},
		{"wrong by digest", hash(number(51)), other, VerdictWrong, ""},
		{"moved", hash(number(50)), other, VerdictUnchecked, Likely},
		{"twin", "", Candidate{DiffIDs: ids}, VerdictSame, SameLayers},
		{"longer", "", Candidate{DiffIDs: numbers(1, 2, 3, 4)}, VerdictWrong, ""},
		{"no layers", hash(number(50)), Candidate{Digest: number(50)}, VerdictUnchecked, Likely},
	} {
		h := Hint{Name: "x", Digest: c.digest, Verdict: VerdictUnchecked, Sure: Likely}
		h.Judge(ids, c.found)
		if h.Verdict != c.verdict || h.Sure != c.sure || (h.Verdict == VerdictBase) != (h.Layers > 0) {
			t.Errorf("%s: %+v", c.name, h)
		}
		if (h.Reason == "") != (h.Verdict == VerdictBase || h.Verdict == VerdictSame) {
			t.Errorf("%s: reason %q", c.name, h.Reason)
		}
	}
}

func TestGuess(t *testing.T) {
	const nop = "/bin/sh -c #(nop) "
	for _, c := range []struct {
		name    string
		history []v1.History
		layers  int
		want    int // layers of the guess; 0 is none
		first   SignCode
	}{
		{"none", nil, 3, 0, ""},
		{"of other layers", history([3]string{"RUN", "", "0s"}), 2, 0, ""},
		{"nothing to see", history([3]string{"COPY a /a", "", "0s"}, [3]string{"RUN b", "", "1m"}), 2, 0, ""},
		{"a gap", history([3]string{"COPY a /a", "", "0s"}, [3]string{"RUN b", "", "1m"}, [3]string{"RUN c", "", "240h"}), 3, 2, SignGap},
		{"debian", history([3]string{nop + "ADD file:abc in / ", "", "0s"}, [3]string{"-" + nop + ` CMD ["bash"]`, "", "0s"},
			[3]string{"RUN x", "", "1m"}, [3]string{"RUN y", "", "1m"}), 3, 1, SignCommand},
		{"root file system", history([3]string{"# debian.sh --arch 'amd64' out/ 'bookworm'", "debuerreotype 0.15", "0s"},
			[3]string{"RUN x # buildkit", "buildkit.dockerfile.v0", "1s"}), 2, 1, SignBuilder},
		{"two seams", history([3]string{"# debian.sh", "debuerreotype 0.15", "0s"}, [3]string{"-CMD [\"bash\"]", "", "0s"},
			[3]string{"RUN x # buildkit", "buildkit.dockerfile.v0", "48h"}, [3]string{"-CMD [\"python3\"]", "buildkit.dockerfile.v0", "0s"},
			[3]string{"COPY . . # buildkit", "buildkit.dockerfile.v0", "100h"}), 3, 2, SignGap},
		{"the history names it", history([3]string{"ADD", "", "0s"}, [3]string{"RUN", "FROM py:1", "1s"}, [3]string{"RUN", "FROM 0123456789ab", "99h"}), 3, 1, SignFrom},
		{"no times", []v1.History{{CreatedBy: "RUN a"}, {CreatedBy: "RUN b", Created: v1.Time{Time: time.Now()}}}, 2, 0, ""},
		{"a command at the end", history([3]string{"RUN a", "", "0s"}, [3]string{"-CMD x", "", "0s"}, [3]string{"-ENV y", "", "0s"}), 1, 0, ""},
	} {
		g := GuessBase(c.history, c.layers)
		switch {
		case g == nil && c.want == 0:
		case g == nil || g.Layers != c.want || g.Reasons[0].Code != c.first || g.Sure != Likely:
			t.Errorf("%s: %+v", c.name, g)
		}
	}
}

// A guess never lies outside the image, whatever the history.
func FuzzGuess(f *testing.F) {
	f.Add("ADD file:x in /", "FROM a", "RUN b", "buildkit.x", 3, uint8(5))
	f.Add("CMD [\"sh\"]", "", "# debian.sh", "", 1, uint8(0))
	f.Fuzz(func(t *testing.T, a, b, c, d string, layers int, empty uint8) {
		var list []v1.History
		for i, text := range []string{a, c, a, c} {
			list = append(list, v1.History{CreatedBy: text, Comment: []string{b, d}[i%2], EmptyLayer: empty>>i&1 == 1})
		}
		layers = min(max(layers, 0), 5)
		if g := GuessBase(list, layers); g != nil && (g.Layers < 1 || g.Layers >= layers || len(g.Reasons) == 0) {
			t.Errorf("%+v of %d layers", g, layers)
		}
		Hints(&v1.Manifest{Layers: make([]v1.Descriptor, layers)}, &v1.ConfigFile{History: list})
	})
}

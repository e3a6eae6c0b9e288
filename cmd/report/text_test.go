package report

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/layers/layers/cmd/term"
)

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		n       int64
		si, iec string
	}{
		{0, "0 B", "0 B"}, {10, "10 B", "10 B"}, {999, "999 B", "999 B"}, {1000, "1.00 kB", "1000 B"}, {1023, "1.02 kB", "1023 B"},
		{1024, "1.02 kB", "1.00 KiB"}, {9994, "9.99 kB", "9.76 KiB"}, {9995, "10.0 kB", "9.76 KiB"}, {999499, "999 kB", "976 KiB"},
		{999500, "1.00 MB", "976 KiB"}, {1e9, "1.00 GB", "954 MiB"}, {1 << 30, "1.07 GB", "1.00 GiB"}, {1<<30 - 1, "1.07 GB", "1.00 GiB"},
		{49604421, "49.6 MB", "47.3 MiB"}, {-49604421, "-49.6 MB", "-47.3 MiB"}, {math.MaxInt64, "9.22 EB", "8.00 EiB"},
		{math.MinInt64, "-9.22 EB", "-8.00 EiB"}, {1000 << 20, "1.05 GB", "1000 MiB"},
	} {
		if si, iec := SI.Bytes(c.n), IEC.Bytes(c.n); si != c.si || iec != c.iec {
			t.Errorf("%d: %s and %s, want %s and %s", c.n, si, iec, c.si, c.iec)
		}
	}
	if got := Plain.Bytes(-1234567); got != "-1 234 567" {
		t.Error(got)
	}
}

// go-humanize says the same, but for a fourth digit when it rounds up, fractions
// of bytes, and halves, which it rounds as their floating point form happens to be.
func TestBytesAgreesWithHumanize(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		n := rng.Int64() >> rng.IntN(63)
		si := humanize.BytesN(uint64(n), 3)
		if n >= 1000 && n%5 != 0 && !strings.HasPrefix(si, "1000 ") && SI.Bytes(n) != si {
			t.Errorf("%d: %s, go-humanize says %s", n, SI.Bytes(n), si)
		}
	}
}

func TestAge(t *testing.T) {
	at := func(s string) *time.Time {
		v := must(time.Parse(time.RFC3339, s))
		return &v
	}
	now := *at("2026-01-10T12:00:00Z")
	for _, c := range []struct {
		t    *time.Time
		want string
	}{
		{nil, ""}, {at("2026-01-05T12:00:00Z"), "5 days old"}, {at("1970-01-01T00:00:00Z"), "1970-01-01"},
		{at("1980-01-01T00:00:01Z"), "1980-01-01"}, {at("2026-01-10T12:00:00Z"), "new"}, {at("2031-01-01T00:00:00Z"), "2031-01-01"},
	} {
		if got := Age(c.t, now); got != c.want {
			t.Errorf("%v: %q, want %q", c.t, got, c.want)
		}
	}
	if got := Age(at("2026-01-05T12:00:00Z"), time.Time{}); got != "2026-01-05" {
		t.Error(got)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 世界": "plain é 世界", "a\x1b[2Jb": `a\x1b[2Jb`, "a\nb\tc\r": `a\nb\tc\r`, "\xff": `\xff`, "\u202e": `\u202e`,
		"\u009b": `\u009b`, "\u200b": `\u200b`, "\U000e0001": `\U000e0001`, "\u00a0": `\u00a0`, "�": "�", "\x7f": `\x7f`,
	} {
		if got := term.Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := (Options{ASCII: true}).Escape("é世\U0001f600"); got != `\u00e9\u4e16\U0001f600` {
		t.Error(got)
	}
}

func TestNumbers(t *testing.T) {
	for want, list := range map[string][]int{"": nil, "1": {1}, "2, 3": {3, 2}, "1-4, 7": {1, 2, 3, 4, 7, 7}, "1, 3, 5": {1, 3, 5}} {
		if got := numbers(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "a\x1b[2Jb", "世界", "e\u0301\u0301", "\U0001f468\u200d\U0001f469", "\xf0\x28", "\u202eabc"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = max(min(width, 1000), 0)
		for _, o := range []Options{{}, {ASCII: true}} {
			safe := o.Escape(s)
			if plain := strings.ReplaceAll(safe, "\ufffd", ""); o.Escape(plain) != plain {
				t.Errorf("%q is not clean", safe)
			}
			if again := o.Escape(safe); again != safe {
				t.Errorf("%q, escaped again, is %q", safe, again)
			}
			for _, cut := range []string{o.Truncate(safe, width), o.truncateMiddle(safe, width)} {
				if Width(cut) > width {
					t.Errorf("%q has more than %d columns", cut, width)
				}
			}
		}
	})
}

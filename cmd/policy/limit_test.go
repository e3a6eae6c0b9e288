package policy

import (
	"math"
	"reflect"
	"testing"

	"github.com/layers/layers/diff/budget"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]budget.Limit{
		"0":                    {Bytes: size(0)},
		"5B":                   {Bytes: size(5)},
		"5MB":                  {Bytes: size(5e6)},
		"5 MB":                 {Bytes: size(5e6)},
		"5mb":                  {Bytes: size(5e6)},
		"5M":                   {Bytes: size(5e6)},
		"1.5kB":                {Bytes: size(1500)},
		"2GiB":                 {Bytes: size(2 << 30)},
		"2Gi":                  {Bytes: size(2 << 30)},
		"9223372036854775807B": {Bytes: size(math.MaxInt64)},
		"3%":                   {Percent: part(3)},
		"0.5 %":                {Percent: part(0.5)},
		"250%":                 {Percent: part(250)},
		"5MB and 3%":           {Bytes: size(5e6), Percent: part(3)},
		"5MB,3%":               {Bytes: size(5e6), Percent: part(3)},
		"5MB, 3%":              {Bytes: size(5e6), Percent: part(3)},
		"3% and 5MB":           {Bytes: size(5e6), Percent: part(3)},
		"5MB or 3%":            {Bytes: size(5e6), Percent: part(3), Either: true},
		"0 or 0%":              {Bytes: size(0), Percent: part(0), Either: true},
	} {
		if got, err := ParseLimit(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseLimitSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "a limit is missing: " + limitForm,
		"5":                    `"5" has no unit: write 5B for bytes, 5MB for megabytes or 5% for a part`,
		"00":                   `"00" has no unit: write 00B for bytes, 00MB for megabytes or 00% for a part`,
		"5 megabytes":          `"5 megabytes": "megabytes" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
		"5  MB":                `"5  MB": " MB" is no unit: did you mean MB?`,
		"-1MB":                 `"-1MB" is negative`,
		"-1%":                  `"-1%" is negative`,
		"%":                    `"%" is no percentage: write a number and %, as in 3% or 0.5%`,
		"NaN":                  `"NaN" is no limit: ` + limitForm,
		"NaN%":                 `"NaN%" is no percentage: write a number and %, as in 3% or 0.5%`,
		"Inf MB":               `"Inf MB" is no limit: ` + limitForm,
		"0x10MB":               `"0x10MB": "x10MB" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
		"1e6B":                 `"1e6B": "e6B" is no unit: did you mean EB?`,
		"1.MB":                 `"1.MB": ".MB" is no unit: did you mean MB?`,
		".5MB":                 `".5MB" is no limit: ` + limitForm,
		"٥MB":                  `"٥MB" is no limit: ` + limitForm,
		"9223372036854775808B": `"9223372036854775808B" is too much: the most is 9223372036854775807B`,
		"10EB":                 `"10EB" is too much: the most is 9223372036854775807B`,
		"5MB,":                 "a limit is missing: " + limitForm,
		"5MB and":              `"5MB and": "MB and" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
		"1,000MB":              `"1" has no unit: write 1B for bytes, 1MB for megabytes or 1% for a part`,
		"5MB or 6MB":           `"5MB or 6MB" has two limits of one kind: ` + limitForm,
		"5%,6%":                `"5%,6%" has two limits of one kind: ` + limitForm,
		"10000000000%":         `"10000000000%" is too much`,
		"1MB\x1b[31m":          `"1MB\x1b[31m": "MB\x1b[31m" is no unit: units are B, kB, MB, GB, TB, PB and EB, or KiB, MiB, GiB, TiB, PiB and EiB`,
	} {
		l, err := ParseLimit(text)
		if err == nil || err.Error() != want || l != (budget.Limit{}) {
			t.Errorf("%q: %+v, %v; want %s", text, l, err, want)
		}
	}
}

// A limit implies another if no size and no whole exceed the one and not the other.
func TestOneLimitImpliesAnother(t *testing.T) {
	texts := []string{"0", "1B", "5B", "9B", "0%", "10%", "50%"}
	for _, b := range []string{"0", "1B", "5B", "9B"} {
		for _, p := range []string{"0%", "10%", "50%"} {
			texts = append(texts, b+" and "+p, b+" or "+p)
		}
	}
	for _, a := range texts {
		for _, b := range texts {
			one, other := limitOf(t, a), limitOf(t, b)
			want := true
			for whole := range int64(200) {
				for n := range int64(120) {
					want = want && (!exceeds(one, n, whole) || exceeds(other, n, whole))
				}
			}
			if got := implies(one, other); got != want {
				t.Errorf("%q implies %q: %t", a, b, got)
			}
		}
	}
}

func limitOf(t *testing.T, text string) budget.Limit {
	t.Helper()
	l, err := ParseLimit(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func exceeds(l budget.Limit, n, whole int64) bool {
	bytes := l.Bytes != nil && n > *l.Bytes
	percent := l.Percent != nil && float64(n) > *l.Percent*float64(whole)/100
	if l.Bytes != nil && l.Percent != nil && !l.Either {
		return bytes && percent
	}
	return bytes || percent
}

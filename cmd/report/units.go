package report

import (
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Units says how bytes are shown to people.
type Units string

// The units.
const (
	SI    Units = "si"    // 49.6 MB; the default
	IEC   Units = "iec"   // 47.3 MiB
	Plain Units = "bytes" // 49 604 421
)

// Bytes writes a number of bytes with three digits and its unit. A number is
// rounded once, half up, and never to a thousand of a smaller unit.
func (u Units) Bytes(n int64) string {
	switch {
	case u == Plain:
		return Count(n)
	case n < 0:
		return "-" + u.magnitude(uint64(-n))
	}
	return u.magnitude(uint64(n))
}

func (u Units) magnitude(n uint64) string {
	base, names := uint64(1000), []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	if u == IEC {
		base, names = 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	}
	if n < base {
		return strconv.FormatUint(n, 10) + " B"
	}
	unit := uint64(1)
	for _, name := range names[1:] {
		unit *= base
		if name == names[len(names)-1] || n/unit < base && rounded(n, 1, unit) < base {
			return threeDigits(n, unit) + " " + name
		}
	}
	return strconv.FormatUint(n, 10) + " B"
}

func threeDigits(n, unit uint64) string {
	if d := rounded(n, 100, unit); d < 1000 {
		return fmt.Sprintf("%d.%02d", d/100, d%100)
	}
	if d := rounded(n, 10, unit); d < 1000 {
		return fmt.Sprintf("%d.%d", d/10, d%10)
	}
	return strconv.FormatUint(rounded(n, 1, unit), 10)
}

// rounded is n*scale/unit to the nearest integer, without overflow.
func rounded(n, scale, unit uint64) uint64 {
	high, low := bits.Mul64(n, scale)
	low, carry := bits.Add64(low, unit/2, 0)
	quotient, _ := bits.Div64(high+carry, low, unit)
	return quotient
}

// Count writes a number with its digits in threes: "5 412".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// plural writes a number and its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Age writes how long ago a time was, as "5 days old". Times that stand for none,
// such as those of reproducible builds, and all if now is not known, are written
// as dates; nil is "".
func Age(t *time.Time, now time.Time) string {
	const reproducible = 1981 // 1970 and 1980 are what builders write for "no time"
	if t == nil {
		return ""
	}
	if now.IsZero() || t.Year() < reproducible || t.After(now.Add(time.Minute)) {
		return t.UTC().Format(time.DateOnly)
	}
	if now.Sub(*t) < time.Second {
		return "new"
	}
	return humanize.RelTime(*t, now, "old", "old")
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

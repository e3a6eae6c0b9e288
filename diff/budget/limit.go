package budget

import "math"

// exceeded reports whether a measure is beyond the limit; whole is what percent are of.
func (l *Limit) exceeded(measured, whole int64) bool {
	if l.Bytes == nil {
		return l.percentExceeded(measured, whole)
	}
	beyond := measured > *l.Bytes
	switch {
	case l.Percent == nil:
		return beyond
	case l.Either:
		return beyond || l.percentExceeded(measured, whole)
	}
	return beyond && l.percentExceeded(measured, whole)
}

func (l *Limit) percentExceeded(measured, whole int64) bool {
	if l.Percent == nil || measured <= 0 {
		return false
	}
	if whole <= 0 { // anything is more than any part of nothing
		return true
	}
	return float64(measured)*100 > *l.Percent*float64(whole)
}

// needsWhole reports whether a measure cannot be judged without what percent are of.
func (l *Limit) needsWhole(measured int64) bool {
	if l.Percent == nil || measured <= 0 {
		return false
	}
	return l.Bytes == nil || (measured > *l.Bytes) != l.Either
}

// percent is a part of a whole; nil where there is no whole.
func percent(measured, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	p := float64(measured) / float64(whole) * 100
	return &p
}

// plus adds sizes, which manifests may lie about: there is no more than can be counted.
func plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

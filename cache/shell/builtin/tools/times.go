//go:build linux

package tools

import (
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// zone is where the user's clock is: TZ, else the image's or the host's.
func (c *call) zone() *time.Location {
	if name := c.variable("TZ"); name != "" {
		if at, err := time.LoadLocation(name); err == nil {
			return at
		}
		return time.UTC
	}
	return time.Local
}

// What a calendar of package time can show; tar archives and file systems go further.
const (
	minTime = math.MinInt64 / 8
	maxTime = math.MaxInt64 / 8
)

// clock shows a moment, or the seconds alone when no calendar reaches it.
func (c *call) clock(t unix.Timespec, layout string) string {
	if t.Sec < minTime || t.Sec > maxTime {
		return strconv.FormatInt(t.Sec, 10)
	}
	return time.Unix(t.Sec, t.Nsec).In(c.zone()).Format(layout)
}

// halfYear is how long ago a file still has its hour in ls -l.
const halfYear = 31556952 / 2

// listed is a moment in the way of ls -l.
func (c *call) listed(t unix.Timespec, now time.Time) string {
	layout := "Jan _2  2006"
	if t.Sec > now.Unix()-halfYear && !later(t, now) {
		layout = "Jan _2 15:04"
	}
	return c.clock(t, layout)
}

func later(t unix.Timespec, now time.Time) bool {
	return t.Sec > now.Unix() || t.Sec == now.Unix() && t.Nsec > int64(now.Nanosecond())
}

// newer compares moments: 1 if a is the later.
func newer(a, b unix.Timespec) int {
	switch {
	case a.Sec != b.Sec && a.Sec > b.Sec, a.Sec == b.Sec && a.Nsec > b.Nsec:
		return 1
	case a == b:
		return 0
	}
	return -1
}

//go:build linux

package seccomp

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// What a filter answers; seccomp(2).
const (
	allow   uint32 = unix.SECCOMP_RET_ALLOW
	refuse  uint32 = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown uint32 = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	kill    uint32 = unix.SECCOMP_RET_KILL_PROCESS
)

// abi is one way to call the kernel, and what the profile says about it.
type abi struct {
	audit  uint32 // AUDIT_ARCH_*, as the kernel names it
	newest uint32 // the highest number that the profile knows, but for private ones
	ioctl  uint32 // its number
	rules  []rule
}

// rule answers calls under conditions, which must all hold.
type rule struct {
	calls   []span
	answer  uint32
	when    *test  // of an argument
	with    string // a capability that the process must have, if any
	without string // and one that it must not have
	since   version
}

// span is the numbers from first to last.
type span struct{ first, last uint32 }

// test looks at one argument, of 64 bits: it is in one of some spans, which are in
// order, or else the bits in mask have a value.
type test struct {
	arg         uint32
	in          []span
	mask, value uint64
}

type version struct{ major, minor int }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// call is a number with the answer to it: that of the first case whose test passes.
type call struct {
	number    uint32
	cases     []choice
	otherwise uint32
	settled   bool // by a rule without a test
}

type choice struct {
	test   *test
	answer uint32
}

// calls returns what the profile speaks of, by number, for a process with capabilities.
func (a abi) calls(capabilities []string, kernel version) []call {
	type entry struct {
		number uint32
		rule   *rule
	}
	entries := make([]entry, 0, 512)
	for i := range a.rules {
		r := &a.rules[i]
		if !r.holds(capabilities, kernel) {
			continue
		}
		for _, s := range r.calls {
			for n := s.first; n <= s.last; n++ {
				entries = append(entries, entry{n, r})
			}
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int { return cmp.Compare(x.number, y.number) })
	calls := make([]call, 0, len(entries))
	for _, e := range entries {
		if n := len(calls); n == 0 || calls[n-1].number != e.number {
			calls = append(calls, call{number: e.number, otherwise: refuse})
		}
		calls[len(calls)-1].add(e.rule)
	}
	return a.protectTerminal(calls)
}

func (r *rule) holds(capabilities []string, kernel version) bool {
	return (r.with == "" || slices.Contains(capabilities, r.with)) &&
		(r.without == "" || !slices.Contains(capabilities, r.without)) &&
		!kernel.before(r.since)
}

// add lets a rule have its say. One without a test has the last word.
func (c *call) add(r *rule) {
	switch {
	case c.settled:
	case r.when == nil:
		c.cases, c.otherwise, c.settled = nil, r.answer, true
	default:
		c.cases = append(c.cases, choice{r.when, r.answer})
	}
}

// typing are the requests that type into a terminal. The kernel takes a request as an
// unsigned int, so the upper half of the argument must not matter.
var typing = []choice{
	{&test{arg: 1, mask: 0xffffffff, value: unix.TIOCSTI}, refuse},
	{&test{arg: 1, mask: 0xffffffff, value: unix.TIOCLINUX}, refuse},
}

// protectTerminal refuses these whatever the profile says about ioctl.
func (a abi) protectTerminal(calls []call) []call {
	i, found := slices.BinarySearchFunc(calls, a.ioctl, func(c call, n uint32) int { return cmp.Compare(c.number, n) })
	if !found {
		return calls
	}
	calls[i].cases = slices.Concat(typing, calls[i].cases)
	return calls
}

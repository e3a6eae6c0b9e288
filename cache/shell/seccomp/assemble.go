//go:build linux

package seccomp

import (
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// Where a program finds what it decides on: struct seccomp_data, seccomp(2). Each of
// the arguments is of 64 bits, of which a program sees 32 at a time.
const (
	numberAt    = 0
	auditAt     = 4
	argumentsAt = 16
)

// The instructions that are used; all have a constant. The kernel works out by itself
// which numbers are always allowed as long as there are no others
// (seccomp_is_const_allow), and then never runs the program for those.
const (
	load        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	and         = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	jump        = unix.BPF_JMP | unix.BPF_JA
	jumpEqual   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpAtLeast = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	jumpAbove   = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	give        = unix.BPF_RET | unix.BPF_K
)

// maxSkip is how far a conditional jump reaches.
const maxSkip = math.MaxUint8

// assemble writes the program for all ways to call the kernel.
func assemble(abis []abi, capabilities []string, kernel version) []unix.SockFilter {
	program := make([]unix.SockFilter, 0, 1024)
	program = append(program, unix.SockFilter{Code: load, K: auditAt})
	for _, a := range abis {
		start := len(program)
		program = append(program,
			unix.SockFilter{Code: jumpEqual, K: a.audit, Jt: 1},
			unix.SockFilter{Code: jump},
			unix.SockFilter{Code: load, K: numberAt})
		program = search(program, regions(a.newest, a.calls(capabilities, kernel)))
		program[start+1].K = uint32(len(program) - start - 2)
	}
	return append(program, unix.SockFilter{Code: give, K: kill})
}

// region is the numbers from first to the next region. They are answered alike.
type region struct {
	first uint32
	call  call
}

// regions cuts all numbers, of which there are 2^32, into regions.
func regions(newest uint32, calls []call) []region {
	out := make([]region, 0, 256)
	add := func(first uint32, c call) {
		if n := len(out); n > 0 && len(c.cases) == 0 && len(out[n-1].call.cases) == 0 && out[n-1].call.otherwise == c.otherwise {
			return
		}
		out = append(out, region{first, c})
	}
	var next uint32
	for _, c := range calls {
		if next < c.number && next <= newest {
			add(next, call{otherwise: refuse})
		}
		if max(next, newest+1) < c.number {
			add(max(next, newest+1), call{otherwise: unknown})
		}
		add(c.number, c)
		next = c.number + 1
	}
	if next <= newest {
		add(next, call{otherwise: refuse})
	}
	add(max(next, newest+1), call{otherwise: unknown})
	return out
}

// search appends what finds the region of the number that is loaded, by halves, and
// decides.
func search(program []unix.SockFilter, regions []region) []unix.SockFilter {
	if len(regions) == 1 {
		return decide(program, regions[0].call)
	}
	half := len(regions) / 2
	at := len(program)
	program = append(program, unix.SockFilter{Code: jumpAtLeast, K: regions[half].first})
	program = search(program, regions[:half])
	if low := len(program) - at - 1; low <= maxSkip {
		program[at].Jt = uint8(low)
	} else {
		program[at].Jf = 1
		program = slices.Insert(program, at+1, unix.SockFilter{Code: jump, K: uint32(low)})
	}
	return search(program, regions[half:])
}

// decide appends the cases, to be tried in turn.
func decide(program []unix.SockFilter, c call) []unix.SockFilter {
	for _, choice := range c.cases {
		program = choice.test.append(program)
		program = append(program, unix.SockFilter{Code: give, K: choice.answer})
	}
	return append(program, unix.SockFilter{Code: give, K: c.otherwise})
}

// passed and failed are the ends of a test, of which a jump is told how far they are
// from the test's last instruction.
const (
	passed = 0
	failed = 1
)

// append adds what goes on if the test passes, and else leaves out the instruction
// after it.
func (t *test) append(program []unix.SockFilter) []unix.SockFilter {
	low := argumentsAt + 8*t.arg
	high := low + 4 // on both architectures
	if t.in == nil {
		rest := wordLength(uint32(t.mask))
		program = appendMasked(program, high, uint32(t.mask>>32), uint32(t.value>>32), rest)
		return appendMasked(program, low, uint32(t.mask), uint32(t.value), 0)
	}
	rest := 1 + 2*len(t.in)
	program = append(program,
		unix.SockFilter{Code: load, K: high}, unix.SockFilter{Code: jumpEqual, K: 0, Jf: uint8(rest + failed)},
		unix.SockFilter{Code: load, K: low})
	for i, s := range t.in {
		rest := 2 * (len(t.in) - 1 - i)
		above := unix.SockFilter{Code: jumpAbove, K: s.last, Jf: uint8(rest + passed)}
		if rest == 0 {
			above.Jt = failed
		}
		program = append(program, unix.SockFilter{Code: jumpAtLeast, K: s.first, Jf: uint8(1 + rest + failed)}, above)
	}
	return program
}

// appendMasked compares the bits of a word that are in mask; rest is the length of the
// test behind it.
func appendMasked(program []unix.SockFilter, at, mask, value uint32, rest int) []unix.SockFilter {
	if mask == 0 {
		return program
	}
	program = append(program, unix.SockFilter{Code: load, K: at})
	if mask != math.MaxUint32 {
		program = append(program, unix.SockFilter{Code: and, K: mask})
	}
	return append(program, unix.SockFilter{Code: jumpEqual, K: value, Jf: uint8(rest + failed)})
}

// wordLength is how many instructions appendMasked adds.
func wordLength(mask uint32) int {
	switch mask {
	case 0:
		return 0
	case math.MaxUint32:
		return 2
	}
	return 3
}

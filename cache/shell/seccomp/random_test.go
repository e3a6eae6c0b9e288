//go:build linux

package seccomp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRandomRules is the law for rules that no profile has: large and small programs,
// several tests of one call, numbers and values at all ends.
func TestRandomRules(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		a := randomABI(random)
		capabilities := []string{"CAP_A"}
		program := assemble([]abi{{audit: 7}, a}, capabilities, version{5, 5})
		for range 1000 {
			d := data{number: randomNumber(random), audit: a.audit}
			for i := range d.args {
				d.args[i] = randomValue(random)
			}
			if random.IntN(3) == 0 {
				d.args = almost(random, a, d.args)
			}
			if got, want := answer(t, program, d), a.plain(d); got != want {
				t.Fatalf("%+v\n%+v: %#x instead of %#x", a, d, got, want)
			}
		}
	}
}

func randomABI(random *rand.Rand) abi {
	a := abi{audit: 0xc0de, newest: random.Uint32N(30), ioctl: math.MaxUint32}
	for range random.IntN(50) {
		r := rule{answer: unix.SECCOMP_RET_ERRNO | random.Uint32N(100)}
		for range 1 + random.IntN(3) {
			first := randomNumber(random)
			r.calls = append(r.calls, span{first, first + min(random.Uint32N(3), math.MaxUint32-1-first)})
		}
		switch random.IntN(8) {
		case 0:
			r.with = "CAP_B"
		case 1:
			r.without = "CAP_A"
		case 2:
			r.since = version{5, 6}
		case 3:
			r.with, r.without, r.since = "CAP_A", "CAP_B", version{5, 5}
		}
		if random.IntN(2) == 0 {
			r.when = randomTest(random)
		}
		a.rules = append(a.rules, r)
	}
	return a
}

func randomNumber(random *rand.Rand) uint32 {
	near := []uint32{0, 10, 30, 0xf0000, 0x40000000, math.MaxUint32 - 10}
	return near[random.IntN(len(near))] + random.Uint32N(10)
}

func randomValue(random *rand.Rand) uint64 {
	words := []uint32{0, 1, 2, math.MaxUint32, math.MaxUint32 - 1, 1 << 31, random.Uint32N(20), random.Uint32()}
	return uint64(words[random.IntN(len(words))])<<32 | uint64(words[random.IntN(len(words))])
}

func randomTest(random *rand.Rand) *test {
	t := &test{arg: random.Uint32N(6)}
	if random.IntN(2) == 0 {
		t.mask = randomValue(random)
		t.value = t.mask & randomValue(random)
		return t
	}
	var ends []uint32
	for range 2 * (1 + random.IntN(8)) {
		ends = append(ends, uint32(randomValue(random)))
	}
	slices.Sort(ends)
	for i := 0; i < len(ends); i += 2 {
		if i == 0 || ends[i] > ends[i-1] {
			t.in = append(t.in, span{ends[i], ends[i+1]})
		}
	}
	return t
}

// almost changes arguments to what some test is about.
func almost(random *rand.Rand, a abi, args [6]uint64) [6]uint64 {
	for _, r := range a.rules {
		if r.when == nil {
			continue
		}
		v := r.when.value | randomValue(random)&^r.when.mask
		if len(r.when.in) > 0 {
			s := r.when.in[random.IntN(len(r.when.in))]
			v = uint64([]uint32{s.first, s.last, s.first - 1, s.last + 1}[random.IntN(4)])
		}
		args[r.when.arg] = v ^ uint64(random.IntN(2))<<random.IntN(64)
	}
	return args
}

// plain is what the rules mean.
func (a abi) plain(d data) uint32 {
	var tested []rule
	for _, r := range a.rules {
		inForce := r.with != "CAP_B" && r.without != "CAP_A" && r.since != version{5, 6}
		if !inForce || !slices.ContainsFunc(r.calls, func(s span) bool { return s.first <= d.number && d.number <= s.last }) {
			continue
		}
		if r.when == nil {
			return r.answer
		}
		tested = append(tested, r)
	}
	for _, r := range tested {
		if r.when.plain(d.args[r.when.arg]) {
			return r.answer
		}
	}
	if d.number > a.newest && len(tested) == 0 {
		return unknown
	}
	return refuse
}

func (t *test) plain(v uint64) bool {
	if t.in == nil {
		return v&t.mask == t.value
	}
	return slices.ContainsFunc(t.in, func(s span) bool { return uint64(s.first) <= v && v <= uint64(s.last) })
}

// TestLongJumps has a region of each length about which the kind of jump changes.
func TestLongJumps(t *testing.T) {
	for length := maxSkip - 5; length <= maxSkip+5; length++ {
		low := call{otherwise: 1}
		for left := length - 1; left > 0; {
			when := &test{arg: 5, mask: 0xffffffff, value: 1} // three instructions with the answer
			if left%3 > 0 {
				when = &test{arg: 5, mask: 0xff, value: 1} // four
			}
			before := len(decide(nil, low))
			low.cases = append(low.cases, choice{when, 2})
			left -= len(decide(nil, low)) - before
		}
		program := search([]unix.SockFilter{{Code: load, K: numberAt}}, []region{{0, low}, {50, call{otherwise: 3}}})
		if got := len(decide(nil, low)); got != length {
			t.Fatalf("%d instructions instead of %d", got, length)
		}
		for number, want := range map[uint32]uint32{0: 1, 49: 1, 50: 3, 51: 3} {
			if got := answer(t, program, data{number: number}); got != want {
				t.Errorf("over %d instructions: %d gives %d", length, number, got)
			}
		}
	}
}

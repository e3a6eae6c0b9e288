package cgroup

import "time"

// Limits are what a group may use. Zero is no limit.
type Limits struct {
	Memory int64   // bytes, with what is swapped out
	CPUs   float64 // 1.5 is the time of one and a half processors
	Pids   int64   // processes and threads at a time
}

// least is what two limits allow together.
func (l Limits) least(o Limits) Limits {
	return Limits{Memory: lesser(l.Memory, o.Memory), CPUs: lesser(l.CPUs, o.CPUs), Pids: lesser(l.Pids, o.Pids)}
}

// lesser is the smaller limit, where 0 is none.
func lesser[N int64 | float64](a, b N) N {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// Stats is what a group has used. What a kernel does not tell is -1.
type Stats struct {
	CPU         time.Duration
	PeakMemory  int64 // bytes, with the page cache that it filled
	PeakPids    int64 // processes and threads
	OOMKills    int64 // processes killed since memory was at its limit
	PidsRefused int64 // forks refused since Pids was at its limit
}

// UnavailableError says which limit this host cannot set, why, and what to do.
type UnavailableError struct {
	What   string // memory, cpu, pids, or groups, which are of no use for figures either
	Cause  string
	Remedy string
	Err    error
}

// Error says what, and why.
func (e *UnavailableError) Error() string { return "no limit of " + e.What + " can be set: " + e.Cause }

// Unwrap returns the system's error, if there was one.
func (e *UnavailableError) Unwrap() error { return e.Err }

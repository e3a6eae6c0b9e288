package cgroup

import "time"

// Limits are what a group may use. Zero is no limit.
type Limits struct {
	Memory int64   // bytes, with what is swapped out
	CPUs   float64 // 1.5 is the time of one and a half processors
	Pids   int64   // processes and threads at a time
}

// Stats is what a group has used. What a kernel does not tell is -1.
type Stats struct {
	CPU         time.Duration
	PeakMemory  int64 // bytes, with the page cache that it filled
	PeakPids    int64
	OOMKills    int64 // processes killed since memory was at its limit
	PidsRefused int64 // forks refused since Pids was at its limit
}

// UnavailableError says which limit this host cannot set, why, and what to do.
type UnavailableError struct {
	What   string // memory, cpu or pids
	Cause  string
	Remedy string
	Err    error
}

// Error says what, and why.
func (e *UnavailableError) Error() string { return "no limit of " + e.What + " can be set: " + e.Cause }

// Unwrap returns the system's error, if there was one.
func (e *UnavailableError) Unwrap() error { return e.Err }

package cmd

import "runtime/debug"

const (
	// memoryLimit is soft: as the heap comes near, the collector works harder.
	memoryLimit = 110 << 20
	// gcPercent trades some CPU for a low peak; most of what is allocated lives
	// as long as the run anyway.
	gcPercent = 60
)

// tuneMemory keeps the peak of memory low, unless the user tunes the runtime.
func tuneMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

package cmd

import (
	"runtime"
	"runtime/debug"
)

const (
	// memoryLimit is soft: as the heap comes near, the collector works harder.
	memoryLimit = 102 << 20
	// gcPercent trades some CPU for a low peak; most of what is allocated lives
	// as long as the run anyway.
	gcPercent = 60
	// firstPercent is for the first collection, of which the shortest runs are spared.
	firstPercent = 200
)

// tuneMemory keeps the peak of memory low, unless the user tunes the runtime.
func tuneMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(firstPercent)
		runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, gcPercent)
	}
}

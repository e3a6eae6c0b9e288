//go:build linux && (amd64 || arm64)

package seccomp

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkDefault is what every shell pays.
func BenchmarkDefault(b *testing.B) {
	var length int
	for b.Loop() {
		f, err := Default(nil)
		if err != nil {
			b.Fatal(err)
		}
		length = f.Len()
	}
	b.ReportMetric(float64(length), "instructions")
}

// BenchmarkLoad loads it on threads of their own; most of it is the kernel's.
func BenchmarkLoad(b *testing.B) {
	f, err := Default(nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		load func() error
	}{{"thread", func() error { return nil }}, {"thread and filter", f.Load}} {
		b.Run(c.name, func(b *testing.B) {
			done := make(chan error)
			for b.Loop() {
				go func() {
					runtime.LockOSThread()
					err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
					if err == nil {
						err = c.load()
					}
					done <- err
				}()
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package cache

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// slots bounds how much is done side by side. Who waits is served in turn.
type slots struct {
	free *semaphore.Weighted
	all  int64
}

func newSlots(n int) slots { return slots{semaphore.NewWeighted(int64(n)), int64(n)} }

// slot is the right to do one thing beside others, or alone.
type slot struct {
	of   slots
	held int64
}

func (s slots) take(ctx context.Context) (*slot, error) {
	taken := &slot{of: s}
	return taken, taken.acquire(ctx, 1)
}

func (s *slot) acquire(ctx context.Context, n int64) error {
	if s.of.free.Acquire(ctx, n) != nil {
		return context.Cause(ctx)
	}
	s.held = n
	return nil
}

// alone waits until all others are done, and keeps new ones out. It gives its own
// place up first, or two that want to be alone would wait for each other.
func (s *slot) alone(ctx context.Context) error {
	s.release()
	return s.acquire(ctx, s.of.all)
}

func (s *slot) isAlone() bool { return s.held == s.of.all }

func (s *slot) release() {
	s.of.free.Release(s.held)
	s.held = 0
}

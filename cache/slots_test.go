package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// Any number may want to be alone at once, and each of them is.
func TestSlotsAlone(t *testing.T) {
	s := newSlots(3)
	var running, most atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			one, err := s.take(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer one.release()
			if one.isAlone() {
				t.Error("one of three slots is alone")
			}
			if err := one.alone(t.Context()); err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), running.Add(1)))
			if !one.isAlone() {
				t.Error("not alone with all slots")
			}
			running.Add(-1)
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d were alone at once", most.Load())
	}
	wantFree(t, s)
}

// Who waits to be alone holds nothing, and stops waiting with its context.
func TestSlotsAloneCancelled(t *testing.T) {
	s := newSlots(2)
	other, err := s.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := one.alone(ctx); err != why || one.isAlone() {
		t.Errorf("error %v", err)
	}
	one.release()
	other.release()
	wantFree(t, s)
}

func wantFree(t *testing.T, s slots) {
	t.Helper()
	if !s.free.TryAcquire(s.all) {
		t.Error("a slot is still held")
	}
}

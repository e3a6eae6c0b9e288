package systemd

import (
	"context"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

// property is one of a transient unit, as D-Bus has it: (sv).
type property struct {
	Name  string
	Value dbus.Variant
}

// auxiliary is a unit that goes with a transient one, (sa(sv)): there is none.
type auxiliary struct {
	Name       string
	Properties []property
}

// Scope moves this process into a scope of that name, whose controllers it may use as it
// likes, and returns when it is there. The scope is gone when nobody is in it any more.
func (m *Manager) Scope(ctx context.Context, name, description string) error {
	match := []dbus.MatchOption{dbus.WithMatchInterface(manager), dbus.WithMatchMember("JobRemoved"), dbus.WithMatchObjectPath(object)}
	if err := m.bus.AddMatchSignalContext(ctx, match...); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	removed := make(chan *dbus.Signal, 64)
	m.bus.Signal(removed)
	defer m.bus.RemoveSignal(removed)
	properties := []property{
		{"Description", dbus.MakeVariant(description)},
		{"PIDs", dbus.MakeVariant([]uint32{uint32(os.Getpid())})},
		{"Delegate", dbus.MakeVariant(true)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
	}
	var job dbus.ObjectPath
	call := m.bus.Object(service, object).CallWithContext(ctx, manager+".StartTransientUnit", 0, name, "fail", properties, []auxiliary{})
	if err := call.Store(&job); err != nil {
		return fmt.Errorf("systemd: a scope: %w", err)
	}
	return wait(ctx, removed, job)
}

// wait waits for the end of a job: JobRemoved(u id, o job, s unit, s result).
func wait(ctx context.Context, removed <-chan *dbus.Signal, job dbus.ObjectPath) error {
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd: a scope: %w", ctx.Err())
		case signal, open := <-removed:
			if !open {
				return fmt.Errorf("systemd: a scope: the bus is gone")
			}
			var id uint32
			var of dbus.ObjectPath
			var unit, result string
			if dbus.Store(signal.Body, &id, &of, &unit, &result) != nil || of != job {
				continue // another's
			}
			if result != "done" {
				return fmt.Errorf("systemd: the scope %s: %s; see systemctl status %s", unit, result, unit)
			}
			return nil
		}
	}
}

package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/godbus/dbus/v5"
)

const (
	service = "org.freedesktop.systemd1"
	object  = dbus.ObjectPath("/org/freedesktop/systemd1")
	manager = service + ".Manager"
)

// Running reports whether systemd is the service manager of this host: sd_booted(3).
func Running() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

// Manager is the system's service manager for root, and the user's own for others.
type Manager struct{ bus *dbus.Conn }

// Connect finds the manager, on the bus that it is on. It gives up with the context;
// errors are *UnreachableError.
func Connect(ctx context.Context) (*Manager, error) {
	var tried error
	for _, address := range addresses(os.Geteuid(), os.Getenv) {
		bus, err := dbus.Connect(address, dbus.WithContext(ctx))
		if err == nil {
			m := &Manager{bus: bus}
			if _, err = m.property("Version"); err == nil {
				return m, nil
			}
			_ = bus.Close() // it has no manager
		}
		tried = errors.Join(tried, fmt.Errorf("%s: %w", address, err))
	}
	return nil, unreachable(os.Geteuid(), os.Getenv, tried)
}

// Close ends the connection.
func (m *Manager) Close() error { return m.bus.Close() }

// addresses are where the bus with the manager may be. A bus of the session may be
// another than the user's, which has no manager.
func addresses(uid int, getenv func(string) string) (all []string) {
	add := func(address string) {
		if address != "" {
			all = append(all, address)
		}
	}
	if uid == 0 {
		add(getenv("DBUS_SYSTEM_BUS_ADDRESS"))
		if len(all) == 0 {
			add("unix:path=/run/dbus/system_bus_socket")
		}
		return all
	}
	add(getenv("DBUS_SESSION_BUS_ADDRESS"))
	users := "unix:path=" + dbus.EscapeBusAddressValue(runtimeDir(uid, getenv)+"/bus")
	if len(all) == 0 || all[0] != users {
		add(users)
	}
	return all
}

func runtimeDir(uid int, getenv func(string) string) string {
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return "/run/user/" + strconv.Itoa(uid)
}

// unreachable says what is missing: the bus, or the user's manager, which runs while he
// is logged in, or always if he lingers.
func unreachable(uid int, getenv func(string) string, err error) error {
	e := &UnreachableError{Err: err}
	if uid == 0 {
		e.Cause = fmt.Sprintf("systemd cannot be asked: %v", err)
		e.Remedy = "apt-get install dbus, systemctl start dbus"
		return e
	}
	dir := runtimeDir(uid, getenv)
	e.Cause = fmt.Sprintf("this user's systemd cannot be asked: %v", err)
	_, noManager := os.Stat(dir + "/systemd/private")
	switch {
	case noManager == nil:
		e.Remedy = "apt-get install dbus-user-session, and systemctl --user start dbus.socket"
	case errors.Is(noManager, fs.ErrNotExist) && getenv("XDG_RUNTIME_DIR") != "" && dir != "/run/user/"+strconv.Itoa(uid):
		e.Remedy = fmt.Sprintf("XDG_RUNTIME_DIR=%s is not this user's: unset it, or log in with ssh or machinectl and not with su", dir)
	default:
		e.Remedy = fmt.Sprintf("as root: loginctl enable-linger %d, for a manager that runs without a login", uid)
	}
	return e
}

func (m *Manager) property(name string) (string, error) {
	v, err := m.bus.Object(service, object).GetProperty(manager + "." + name)
	if err != nil {
		return "", err
	}
	s, ok := v.Value().(string)
	if !ok {
		return "", fmt.Errorf("%s is no text", name)
	}
	return s, nil
}

// Version is systemd's.
func (m *Manager) Version() (string, error) { return m.property("Version") }

// ControlGroup is the group of version 2 that the manager's units are in, from the root
// of the hierarchy.
func (m *Manager) ControlGroup() (string, error) { return m.property("ControlGroup") }

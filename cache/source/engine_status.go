package source

import (
	"context"
	"errors"
	"io/fs"
	"sync"
)

// EngineStatus is what is known of a container engine at one place.
type EngineStatus struct {
	Name      string // "Docker" or "Podman": by which transport it is asked
	Socket    string // its address: "unix:///run/podman/podman.sock"
	From      string // the setting that names the address, "" for a usual place
	Reachable bool
	Version   string // "20.10.24", "Podman 4.3.1"; "" if it does not answer
	Err       error  // why it does not; fs.ErrNotExist if there is no such socket
	Advice    string // what to do about it; "" if nothing needs to be done
}

// Engines looks for Docker and Podman at every place where images of theirs would be
// looked for, in that order. It takes as long as the slowest needs to answer, at most
// some seconds.
func Engines() []EngineStatus {
	var all []EngineStatus
	var places []engineEndpoint
	for _, t := range []Transport{Docker, Podman} {
		for _, e := range engineEndpoints(t) {
			all = append(all, EngineStatus{Name: engineName(t), Socket: e.addr, From: e.from})
			places = append(places, e)
		}
	}
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i].ask(places[i]) })
	}
	wait.Wait()
	return all
}

func (s *EngineStatus) ask(e engineEndpoint) {
	c := newEngineClient(e)
	defer c.Close()
	s.Version, s.Err = c.version(context.Background())
	s.Reachable = s.Err == nil
	t := Docker
	if s.Name == engineName(Podman) {
		t = Podman
	}
	switch {
	case s.Reachable:
	case errors.Is(s.Err, fs.ErrPermission):
		s.Advice = deniedAdvice(t)
	default:
		s.Advice = startAdvice(t)
	}
}

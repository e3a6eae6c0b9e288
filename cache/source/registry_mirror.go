package source

import (
	"fmt"
	"os"
	"strings"
)

const (
	mirrorVariable = "LAYERS_REGISTRY_MIRRORS"
	hubEndpoint    = "registry-1.docker.io"
	// mirrorAttempts are fewer than usual: there is somebody else to ask.
	mirrorAttempts = 2
)

// endpoint is where a registry is.
type endpoint struct {
	host   string // as credential files call it
	addr   string // host[:port] to ask
	prefix string // that repositories have there: "" or "hub/"
	mirror bool
}

// endpointsOf lists the mirrors of a registry, in their order, and then itself.
func endpointsOf(host string, o *Options) []endpoint {
	list, err := mirrorsOf(host, os.Getenv(mirrorVariable))
	if err != nil {
		o.warn("%s: %v", mirrorVariable, err)
	}
	return append(list, endpoint{host: host, addr: addrOf(host)})
}

func addrOf(host string) string {
	if host == hub {
		return hubEndpoint
	}
	return host
}

// mirrorsOf reads a list as "docker.io=mirror:5000/hub,ghcr.io=mirror:5000/ghcr".
// What can be read is returned, with an error for the rest.
func mirrorsOf(host, list string) ([]endpoint, error) {
	var out []endpoint
	var bad error
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		of, at, ok := strings.Cut(item, "=")
		addr, path, _ := strings.Cut(strings.TrimSuffix(at, "/"), "/")
		addr = strings.ToLower(addr)
		if !ok || checkHost(addr) != nil || path != "" && !repoPattern().MatchString(path) {
			bad = fmt.Errorf("%q is not HOST=MIRROR[:PORT][/PATH]", item)
			continue
		}
		if normalKey(of) != host {
			continue
		}
		if path != "" {
			path += "/"
		}
		out = append(out, endpoint{host: normalKey(addr), addr: addrOf(normalKey(addr)), prefix: path, mirror: true})
	}
	return out, bad
}

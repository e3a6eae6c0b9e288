package source

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const maxEngineFile = 1 << 20 // of docker's configuration

// engineEndpoint is where an engine may listen.
type engineEndpoint struct {
	addr string // "unix:///var/run/docker.sock", "tcp://host:2376"
	from string // the setting that names it; "" for the usual places
	tls  *tls.Config
	err  error // why it cannot be used
}

// engineEndpoints returns where to look for an engine, in order. A setting leaves no choice.
func engineEndpoints(t Transport) []engineEndpoint {
	switch t {
	case Docker:
		return dockerEndpoints()
	case Podman:
		return podmanEndpoints()
	}
	return nil
}

func podmanEndpoints() []engineEndpoint {
	if host := os.Getenv("CONTAINER_HOST"); host != "" {
		return []engineEndpoint{newEngineEndpoint(host, "CONTAINER_HOST")}
	}
	var all []engineEndpoint
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, unixEndpoint(filepath.Join(dir, "podman/podman.sock")))
	} else if uid := os.Getuid(); uid != 0 {
		all = append(all, unixEndpoint(fmt.Sprintf("/run/user/%d/podman/podman.sock", uid)))
	}
	return append(all, unixEndpoint("/run/podman/podman.sock"))
}

func dockerEndpoints() []engineEndpoint {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		e := newEngineEndpoint(host, "DOCKER_HOST")
		e.useEnvironmentTLS()
		return []engineEndpoint{e}
	}
	name, from, err := currentContext()
	if err != nil {
		return []engineEndpoint{{addr: from, from: from, err: err}}
	}
	if name != "" && name != "default" {
		return []engineEndpoint{contextEndpoint(name, from)}
	}
	all := []engineEndpoint{unixEndpoint("/var/run/docker.sock")}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, unixEndpoint(filepath.Join(dir, "docker.sock")))
	}
	if home, err := os.UserHomeDir(); err == nil {
		all = append(all, unixEndpoint(filepath.Join(home, ".docker/run/docker.sock")),
			unixEndpoint(filepath.Join(home, ".docker/desktop/docker.sock")))
	}
	return all
}

func unixEndpoint(path string) engineEndpoint { return engineEndpoint{addr: "unix://" + path} }

func newEngineEndpoint(addr, from string) engineEndpoint {
	e := engineEndpoint{addr: addr, from: from}
	scheme, rest, ok := strings.Cut(addr, "://")
	switch {
	case !ok:
		e.addr = "tcp://" + addr
	case scheme == "unix" && rest != "", scheme == "http", scheme == "https":
	case scheme == "tcp":
		if u, err := url.Parse(addr); err != nil || u.Host == "" {
			e.err = fmt.Errorf("%q is not the address of an engine", addr)
		}
	case scheme == "ssh":
		e.err = &sshError{host: rest}
	default:
		e.err = fmt.Errorf("%s:// is not supported: only unix:// and tcp:// are", scheme)
	}
	return e
}

// sshError says what to do instead of reaching an engine over ssh.
type sshError struct{ host string }

// Error says that it is so by design; detail has the way around.
func (e *sshError) Error() string { return "engines are not reached over ssh here" }

func (e *sshError) detail() []string {
	host := strings.TrimSuffix(e.host, "/")
	return []string{
		fmt.Sprintf("forward the socket: ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock %s, and set the variable to unix:///tmp/engine.sock", host),
		fmt.Sprintf("or save there and read here: ssh %s docker save IMAGE, with - as the image", host),
	}
}

func dockerConfigDir() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".docker"), err
}

// currentContext is the docker context that is chosen, and what chose it.
func currentContext() (name, from string, err error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, "DOCKER_CONTEXT", nil
	}
	dir, err := dockerConfigDir()
	if err != nil { // without a home there is no configuration
		return "", "", nil
	}
	path := filepath.Join(dir, "config.json")
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := readEngineFile(path, &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", path, err
	}
	return config.CurrentContext, path, nil
}

func readEngineFile(path string, into any) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxEngineFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// contextEndpoint reads a docker context as the docker command stores it.
func contextEndpoint(name, from string) engineEndpoint {
	from = fmt.Sprintf("the docker context %q of %s", name, from)
	dir, err := dockerConfigDir()
	if err != nil {
		return engineEndpoint{addr: from, from: from, err: err}
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := readEngineFile(filepath.Join(dir, "contexts/meta", id, "meta.json"), &meta); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such context")
		}
		return engineEndpoint{addr: from, from: from, err: err}
	}
	docker, ok := meta.Endpoints["docker"]
	if !ok || docker.Host == "" {
		return engineEndpoint{addr: from, from: from, err: errors.New("it names no docker engine")}
	}
	e := newEngineEndpoint(docker.Host, from)
	certs := filepath.Join(dir, "contexts/tls", id, "docker")
	if _, err := os.Stat(certs); err == nil || docker.SkipTLSVerify {
		e.useTLS(certs, docker.SkipTLSVerify)
	}
	return e
}

// useEnvironmentTLS follows the docker command: DOCKER_TLS_VERIFY with any value asks
// for TLS.
func (e *engineEndpoint) useEnvironmentTLS() {
	if !strings.HasPrefix(e.addr, "tcp://") || os.Getenv("DOCKER_TLS_VERIFY") == "" {
		return
	}
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		config, err := dockerConfigDir()
		if err != nil {
			e.err = err
			return
		}
		dir = config
	}
	e.useTLS(dir, false)
}

// useTLS takes the certificates that are in dir; none of them must be.
func (e *engineEndpoint) useTLS(dir string, insecure bool) {
	e.tls = &tls.Config{InsecureSkipVerify: insecure}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err == nil {
		e.tls.RootCAs = x509.NewCertPool()
		if !e.tls.RootCAs.AppendCertsFromPEM(ca) {
			err = fmt.Errorf("%s: no certificate in it", filepath.Join(dir, "ca.pem"))
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		var pair tls.Certificate
		pair, err = tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err == nil {
			e.tls.Certificates = []tls.Certificate{pair}
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.err = err
	}
}

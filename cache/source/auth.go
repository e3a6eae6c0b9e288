package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// CredentialFile is a place where credentials for registries are looked for.
type CredentialFile struct {
	// Path is the file, or "$DOCKER_AUTH_CONFIG" for that variable.
	Path string
	// Registries are the hosts and namespaces that it has credentials for, sorted,
	// or names a helper for.
	Registries []string
	// Helpers are the names of the credential helpers it asks for ("secretservice"
	// is the program docker-credential-secretservice), sorted.
	Helpers []string
	// Err is why it is not used, or not all of it; fs.ErrNotExist if it is not there.
	Err error
}

// Credentials says where credentials for registries are looked for, in that order,
// and what is found there. No helper is run and no secret is returned.
func Credentials(o Options) []CredentialFile {
	var out []CredentialFile
	for _, f := range loadAuthFiles(o) {
		out = append(out, CredentialFile{Path: f.path, Registries: f.registries(), Helpers: f.helpers(), Err: f.err})
	}
	return out
}

const authVariable = "DOCKER_AUTH_CONFIG"

// loadAuthFiles reads all files in the order of containers-auth.json(5). A file
// that two variables name is read once.
func loadAuthFiles(o Options) []*authFile {
	var files []*authFile
	seen := map[string]bool{}
	for _, p := range authPaths(o) {
		if seen[p] {
			continue
		}
		seen[p] = true
		files = append(files, readAuthFile(p))
	}
	return files
}

func authPaths(o Options) []string {
	var paths []string
	add := func(dir string, elem ...string) {
		if dir != "" {
			paths = append(paths, filepath.Join(append([]string{dir}, elem...)...))
		}
	}
	home, _ := os.UserHomeDir() // without one, there are no files in it
	add(o.AuthFile)
	add(os.Getenv("REGISTRY_AUTH_FILE"))
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		add(run, "containers", "auth.json")
	} else {
		add("/run/containers", fmt.Sprint(os.Getuid()), "auth.json")
	}
	if config := os.Getenv("XDG_CONFIG_HOME"); config != "" {
		add(config, "containers", "auth.json")
	} else {
		add(home, ".config", "containers", "auth.json")
	}
	if os.Getenv(authVariable) != "" {
		paths = append(paths, "$"+authVariable)
	}
	if config := os.Getenv("DOCKER_CONFIG"); config != "" {
		add(config, "config.json")
	} else {
		add(home, ".docker", "config.json")
	}
	add(home, ".dockercfg")
	return paths
}

// credential is what to say to one registry, and who says so.
type credential struct {
	authn.AuthConfig
	from string // the file
}

// Authorization makes a credential an authn.Authenticator.
func (c *credential) Authorization() (*authn.AuthConfig, error) { return &c.AuthConfig, nil }

func (c *credential) user() string {
	if c.Username != "" && c.Username != tokenUser {
		return c.Username
	}
	return "the holder of a token"
}

// keychain finds credentials. Its files are read once.
type keychain struct {
	files []*authFile
	o     *Options
}

func newKeychain(o *Options) *keychain {
	k := &keychain{files: loadAuthFiles(*o), o: o}
	for _, f := range k.files {
		if f.err == nil {
			continue
		}
		// Of the usual files none need be there; one that was asked for should.
		asked := o.AuthFile != "" && f.path == filepath.Clean(o.AuthFile)
		if asked || !errors.Is(f.err, fs.ErrNotExist) {
			o.warn("credentials: %v", f.err)
		}
	}
	return k
}

// find returns the credentials for a repository, nil if there are none: from the
// first file that has any, and there for the longest namespace.
func (k *keychain) find(ctx context.Context, host, repo string) (*credential, error) {
	keys := namespaces(host, repo)
	for _, f := range k.files {
		for _, key := range keys {
			c, err := k.findIn(ctx, f, key, key == host)
			if c != nil || err != nil {
				return c, err
			}
		}
	}
	return nil, nil
}

func (k *keychain) findIn(ctx context.Context, f *authFile, key string, isHost bool) (*credential, error) {
	helper := f.credHelpers[key]
	if helper == "" && isHost {
		helper = f.credsStore
	}
	if helper != "" {
		auth, err := runHelper(ctx, k.o.waits().helper, helper, helperServer(key))
		if cerr := ctx.Err(); cerr != nil {
			return nil, cerr
		}
		if err != nil {
			k.o.warn("credentials for %s in %s: %v", key, tilde(f.path), err)
		}
		if auth != nil {
			return &credential{*auth, f.path}, nil
		}
	}
	if auth, ok := f.auths[key]; ok {
		return &credential{auth, f.path}, nil
	}
	return nil, nil
}

// namespaces are the keys for a repository, the longest first.
func namespaces(host, repo string) []string {
	var keys []string
	for key := host + "/" + repo; key != host; {
		keys = append(keys, key)
		key = key[:strings.LastIndexByte(key, '/')]
	}
	return append(keys, host)
}

// looked describes, for the user, where was looked for credentials in vain.
func (k *keychain) looked(host string) string {
	var found, missing []string
	for _, f := range k.files {
		switch {
		case f.err == nil:
			found = append(found, tilde(f.path))
		case !errors.Is(f.err, fs.ErrNotExist):
			found = append(found, tilde(f.path)+" (not readable)")
		}
	}
	if len(found) > 0 {
		found = []string{"none for " + host + " in " + strings.Join(found, ", ")}
	}
	for _, kind := range []struct{ file, what string }{{"auth.json", "podman auth.json"}, {"config.json", "docker config.json"}} {
		if !slices.ContainsFunc(k.files, func(f *authFile) bool {
			return f.err == nil && filepath.Base(f.path) == kind.file
		}) {
			missing = append(missing, "no "+kind.what)
		}
	}
	return strings.Join(append(found, missing...), "; ")
}

// tilde shortens a path in the home directory.
func tilde(path string) string {
	home, err := os.UserHomeDir()
	if err != nil || home == "/" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, home+"/"); ok {
		return "~/" + rest
	}
	return path
}

package source

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

const (
	authFileLimit = 1 << 20
	// tokenUser is the user name that stands for an identity token.
	tokenUser = "<token>"
)

// authFile is a containers-auth.json(5), docker's config.json or a .dockercfg. Its
// keys are normalized: "docker.io", "ghcr.io/acme".
type authFile struct {
	path        string
	auths       map[string]authn.AuthConfig // only those with a secret
	credHelpers map[string]string
	credsStore  string
	err         error
}

func (f *authFile) registries() []string {
	keys := slices.Collect(maps.Keys(f.auths))
	for key := range f.credHelpers {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (f *authFile) helpers() []string {
	names := slices.Collect(maps.Values(f.credHelpers))
	if f.credsStore != "" {
		names = append(names, f.credsStore)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func readAuthFile(path string) *authFile {
	f := &authFile{path: path}
	raw, err := readAuthText(path)
	if err != nil {
		f.err = err
		return f
	}
	if err := f.parse(raw); err != nil {
		f.err = fmt.Errorf("%s: %w", path, err)
	}
	return f
}

func readAuthText(path string) ([]byte, error) {
	if path == "$"+authVariable {
		return []byte(os.Getenv(authVariable)), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, authFileLimit+1))
	if err == nil && len(raw) > authFileLimit {
		err = fmt.Errorf("%s: larger than %d bytes", path, authFileLimit)
	}
	return raw, err
}

// parse keeps what can be read and returns what cannot.
func (f *authFile) parse(raw []byte) error {
	if strings.TrimSpace(string(raw)) == "" {
		return nil
	}
	var file struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredHelpers map[string]string          `json:"credHelpers"`
		CredsStore  string                     `json:"credsStore"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return err
	}
	if strings.HasSuffix(f.path, ".dockercfg") && file.Auths == nil {
		// The legacy file is the content of "auths".
		if err := json.Unmarshal(raw, &file.Auths); err != nil {
			return err
		}
	}
	f.credsStore = file.CredsStore
	f.credHelpers = normalized(file.CredHelpers)
	auths := map[string]authn.AuthConfig{}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(file.Auths)) {
		auth, err := parseAuth(file.Auths[key])
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", key, err))
		} else if auth != (authn.AuthConfig{}) {
			auths[key] = auth
		}
	}
	f.auths = normalized(auths)
	return errors.Join(errs...)
}

func parseAuth(raw json.RawMessage) (authn.AuthConfig, error) {
	var entry struct{ Auth, Username, Password, IdentityToken, RegistryToken string }
	if err := json.Unmarshal(raw, &entry); err != nil {
		// The error of encoding/json can quote the text, which is secret.
		return authn.AuthConfig{}, errors.New("it is not an object of strings")
	}
	auth := authn.AuthConfig{
		Username: entry.Username, Password: entry.Password,
		IdentityToken: entry.IdentityToken, RegistryToken: entry.RegistryToken,
	}
	if entry.Auth != "" {
		var err error
		if auth.Username, auth.Password, err = decodeAuth(entry.Auth); err != nil {
			return authn.AuthConfig{}, err
		}
	}
	if auth.Password == "" {
		auth.Username = ""
	}
	return auth, nil
}

func decodeAuth(s string) (user, password string, err error) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(s), "="))
	if err != nil {
		return "", "", errors.New("auth is not base64")
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return "", "", errors.New("auth is not a user, a colon and a password")
	}
	return user, strings.Trim(password, "\x00"), nil
}

// normalized gives a map the keys that are looked up. A key that is written as it
// is looked up wins over one that docker writes as a URL.
func normalized[V any](in map[string]V) map[string]V {
	out := make(map[string]V, len(in))
	for _, key := range slices.Sorted(maps.Keys(in)) {
		norm := normalKey(key)
		if _, taken := out[norm]; !taken || norm == key {
			out[norm] = in[key]
		}
	}
	return out
}

// normalKey brings "https://index.docker.io/v1/" and the like to "docker.io".
func normalKey(key string) string {
	scheme, rest, isURL := strings.Cut(key, "://")
	if !isURL || scheme != "https" && scheme != "http" {
		isURL, rest = false, key
	}
	host, path, _ := strings.Cut(strings.TrimRight(rest, "/"), "/")
	host = strings.ToLower(host)
	switch host {
	case "index.docker.io", "registry-1.docker.io", "registry.docker.io":
		host = hub
	}
	if isURL || path == "v1" || path == "v2" || path == "" {
		return host
	}
	return host + "/" + path
}

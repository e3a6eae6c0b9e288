package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

const helperOutputLimit = 1 << 20

// helperServer is what a helper knows a registry by.
func helperServer(key string) string {
	if key == hub {
		return "https://index.docker.io/v1/"
	}
	return key
}

// runHelper asks the program docker-credential-NAME for the credentials of a
// server. It returns nil if the helper has none.
func runHelper(ctx context.Context, limit time.Duration, name, server string) (*authn.AuthConfig, error) {
	if strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("%q is not the name of a credential helper", name)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	program := "docker-credential-" + name
	cmd := exec.CommandContext(ctx, program, "get")
	cmd.Stdin = strings.NewReader(server)
	stdout, stderr := &cappedBuffer{}, &cappedBuffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A grandchild that keeps the pipes open must not keep us.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s did not answer in %v", program, limit)
	case err != nil && noCredentials(stdout.buf.String()):
		return nil, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s is not installed", program)
	case err != nil:
		return nil, fmt.Errorf("%s: %w%s", program, err, helperComplaint(stdout, stderr))
	}
	return parseHelperAnswer(program, stdout.buf.Bytes())
}

func parseHelperAnswer(program string, raw []byte) (*authn.AuthConfig, error) {
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("%s: the answer is not JSON", program)
	}
	switch {
	case answer.Secret == "":
		return nil, nil
	case answer.Username == tokenUser:
		return &authn.AuthConfig{IdentityToken: answer.Secret}, nil
	}
	return &authn.AuthConfig{Username: answer.Username, Password: answer.Secret}, nil
}

// noCredentials knows what all helpers say for lack of credentials, which is no
// failure.
func noCredentials(output string) bool {
	return strings.Contains(output, "credentials not found in native keychain")
}

func helperComplaint(stdout, stderr *cappedBuffer) string {
	for _, b := range []*cappedBuffer{stderr, stdout} {
		if s := oneLine(b.buf.String(), 200); s != "" {
			return ": " + s
		}
	}
	return ""
}

// cappedBuffer keeps the beginning of what is written and drops the rest.
type cappedBuffer struct{ buf bytes.Buffer }

// Write takes everything, so that who writes does not see the limit.
func (b *cappedBuffer) Write(p []byte) (int, error) {
	keep := min(len(p), helperOutputLimit-b.buf.Len())
	b.buf.Write(p[:keep])
	return len(p), nil
}

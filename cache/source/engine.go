package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
)

// openEngine has an engine write an image as docker save does, and reads that.
// Engines hold their images unpacked, so that there is nothing to read in place.
func openEngine(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	c, err := reachEngine(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	name, err := c.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	body, err := c.get(ctx, "/images/"+name+"/get")
	if err != nil {
		return nil, c.failed(ctx, ref, err)
	}
	in, err := spoolStream(ctx, ref.Text, body, o)
	if err != nil {
		return nil, err
	}
	files, err := newArchive(ctx, in)
	if err != nil {
		in.Close()
		return nil, c.cutOff(ctx, ref, err)
	}
	sent := ref
	sent.Name = "" // the engine has chosen
	images, err := imagesIn(ctx, files, sent, o, all)
	for _, i := range images {
		i.name(ref, name)
	}
	return images, err
}

// name gives an image of an engine the name that the engine knows it by.
func (i *Image) name(ref Reference, known string) {
	i.Ref, i.From, i.Name, i.Names = ref, ref.Transport, ref.Text, nil
	if ref.Name == "" { // asked for by digest
		return
	}
	n, err := parseName(known)
	if err != nil {
		return
	}
	full := n.String()
	i.Name, i.Names = fmt.Sprintf("%s (%s)", Short(full), ref.Transport), []string{full}
}

// reachEngine connects to the first endpoint that answers.
func reachEngine(ctx context.Context, ref Reference) (*engineClient, error) {
	var looked []string
	denied, advice := "", ""
	for _, e := range engineEndpoints(ref.Transport) {
		c := newEngineClient(e)
		_, err := c.version(ctx)
		if err == nil {
			return c, nil
		}
		c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ssh *sshError
		if errors.As(err, &ssh) {
			return nil, &UnavailableError{Name: ref.Text, Err: fmt.Errorf("%s is %s: %w", e.from, e.addr, ssh), Detail: ssh.detail()}
		}
		if e.err == nil {
			advice = startAdvice(ref.Transport)
		}
		if errors.Is(err, fs.ErrPermission) && denied == "" {
			denied = e.addr
		}
		looked = append(looked, e.line(err))
	}
	if denied != "" {
		return nil, &AuthError{
			Name: ref.Text, Host: denied, Err: fs.ErrPermission,
			Detail: append(looked, deniedAdvice(ref.Transport)),
		}
	}
	if advice != "" {
		looked = append(looked, advice)
	}
	return nil, &UnavailableError{
		Name: ref.Text, Err: fmt.Errorf("no %s engine answers", engineName(ref.Transport)), Detail: looked,
	}
}

func (e engineEndpoint) line(err error) string {
	s := e.addr
	if e.from != "" && e.from != e.addr {
		s += " (" + e.from + ")"
	}
	return s + ": " + err.Error()
}

func engineName(t Transport) string {
	if t == Podman {
		return "Podman"
	}
	return "Docker"
}

func deniedAdvice(t Transport) string {
	if t == Podman {
		return "that socket is another user's; start your own: systemctl --user enable --now podman.socket"
	}
	return "only root and the group docker may use it: sudo usermod -aG docker $USER, and log in again"
}

func startAdvice(t Transport) string {
	if t == Podman {
		return "start its socket: systemctl --user enable --now podman.socket (as root without --user)"
	}
	return "start it: sudo systemctl start docker; or name its socket by DOCKER_HOST"
}

// find returns the name by which the engine has the image.
func (c *engineClient) find(ctx context.Context, ref Reference) (string, error) {
	for _, name := range engineNames(ref) {
		var is struct{ ID string }
		err := c.getJSON(ctx, "/images/"+name+"/json", &is)
		var answer *engineError
		switch {
		case err == nil:
			return name, nil
		case errors.As(err, &answer) && answer.status == http.StatusNotFound:
			continue
		default:
			return "", c.failed(ctx, ref, err)
		}
	}
	have, err := c.names(ctx)
	if err != nil {
		return "", c.failed(ctx, ref, err)
	}
	_, asked, _ := strings.Cut(ref.Text, ":")
	near := similar(asked, have)
	for i, n := range near {
		near[i] = string(ref.Transport) + ":" + n
	}
	return "", &NotFoundError{
		Name: ref.Text, Reason: "the engine has no such image", Have: near,
		Detail: []string{fmt.Sprintf("asked %s, which has names of images: %d", c.addr, len(have))},
	}
}

// engineNames are the names to ask for, the likeliest first. What podman builds is
// called localhost/NAME, and found by podman as NAME.
func engineNames(ref Reference) []string {
	if ref.Name == "" {
		return []string{ref.Digest}
	}
	n, err := parseName(ref.Name)
	if err != nil {
		return []string{ref.Name}
	}
	if n.digest != "" {
		n.tag = "" // the digest decides, and not every engine takes both
	}
	names := []string{n.String()}
	_, asked, _ := strings.Cut(ref.Text, ":")
	if short, ok := strings.CutPrefix(n.repo, hubLibrary); ok && n.host == hub && strings.HasPrefix(asked, short) {
		local := n
		local.host, local.repo = "localhost", short
		names = append(names, local.String())
		if ref.Transport == Podman {
			names[0], names[1] = names[1], names[0]
		}
	}
	return names
}

// names lists what the engine has, as one would ask for it.
func (c *engineClient) names(ctx context.Context) ([]string, error) {
	var list []struct{ RepoTags []string }
	if err := c.getJSON(ctx, "/images/json", &list); err != nil {
		return nil, err
	}
	var names []string
	for _, i := range list {
		for _, tag := range i.RepoTags {
			if tag != "<none>:<none>" {
				names = append(names, Short(tag))
			}
		}
	}
	return names, nil
}

// failed explains why a request did not give what was asked for.
func (c *engineClient) failed(ctx context.Context, ref Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer *engineError
	if !errors.As(err, &answer) {
		return c.cutOff(ctx, ref, err)
	}
	switch answer.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return &AuthError{Name: ref.Text, Host: c.addr, Err: answer}
	case http.StatusNotFound:
		return &NotFoundError{Name: ref.Text, Reason: answer.message}
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &TemporaryError{Name: ref.Text, Host: c.addr, Err: answer}
	}
	return &UnavailableError{Name: ref.Text, Err: answer, Detail: []string{"said by " + c.addr}}
}

// cutOff is for an answer that ended early.
func (c *engineClient) cutOff(ctx context.Context, ref Reference, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, errCut) {
		err = io.ErrUnexpectedEOF
	}
	return &TemporaryError{Name: ref.Text, Host: c.addr, Err: err}
}

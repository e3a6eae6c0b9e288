package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
)

// state says how a check of doctor ended.
type state string

const (
	stateOK   state = "ok"
	stateWarn state = "warn" // something is missing that some commands want
	stateNo   state = "no"
)

// finding is what doctor says about one ability of this host.
type finding struct {
	Check  string   `json:"check"`
	State  state    `json:"state"`
	What   string   `json:"what"`
	Detail []string `json:"detail,omitempty"`
	Do     string   `json:"do,omitempty"` // what to do about it
}

// doctorReport is the answer of layers doctor.
type doctorReport struct {
	Version  string    `json:"version"`
	Findings []finding `json:"findings"`
}

type doctorFlags struct {
	store    storeFlags
	out      outputFlags
	authFile string
	appArmor bool
}

func newDoctor(p *program) *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "what this host can do",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if f.appArmor {
				return p.printAppArmor()
			}
			return p.doctor(f)
		},
	}
	f.out.format(c, formatsValue)
	f.out.color(c)
	f.store.dir(c)
	c.Flags().StringVar(&f.authFile, "authfile", "", "`FILE` of credentials that is asked first (also REGISTRY_AUTH_FILE)")
	c.Flags().BoolVar(&f.appArmor, "print-apparmor", false, "print a profile that lets AppArmor allow user namespaces, and do nothing else")
	return describe(c, manual{
		long: `Say what this host can do: the store, overlayfs, user namespaces, subordinate
ids, cgroups, credentials and engines, each with what to do where it is
missing. Only a store that cannot be used makes it fail.`,
		examples: []string{
			"layers doctor",
			"layers doctor -f json",
			"layers doctor --print-apparmor | sudo tee /etc/apparmor.d/layers",
		},
		exits: storeExits,
	})
}

func (p *program) doctor(f doctorFlags) error {
	if err := f.out.check(); err != nil {
		return err
	}
	store, dir, broken := checkStore(f.store, f.out.Units)
	r := doctorReport{Version: "layers.doctor/v1", Findings: store}
	r.Findings = append(r.Findings, checkHost(dir)...)
	r.Findings = append(r.Findings, checkCredentials(f.authFile)...)
	r.Findings = append(r.Findings, checkEngines()...)
	color := term.Probe(p.stdout, p.getenv, f.out.Color).Color && f.out.Output == ""
	err := render(p, f.out, r, func(w io.Writer, r doctorReport) error { return writeFindings(w, r, color) })
	if err == nil && broken != nil {
		return broken
	}
	return err
}

func writeFindings(w io.Writer, r doctorReport, color bool) error {
	line, written := liner(w)
	for _, f := range r.Findings {
		mark := fmt.Sprintf("%-4s", f.State)
		if color {
			mark = map[state]string{stateOK: "\x1b[32m", stateWarn: "\x1b[33m", stateNo: "\x1b[31m"}[f.State] + mark + "\x1b[0m"
		}
		line("%s  %-16s %s", mark, f.Check, term.Escape(f.What))
		for _, d := range f.Detail {
			line("%23s%s", "", term.Escape(d))
		}
		if f.Do != "" {
			line("%23s→ %s", "", term.Escape(f.Do))
		}
	}
	return written()
}

// checkStore opens the store and says where it is, "" if nothing tells. The error is
// why it cannot be used at all.
func checkStore(flags storeFlags, units string) (found []finding, dir string, err error) {
	dir, err = flags.path()
	if err != nil {
		return unusable(err), "", err
	}
	store, err := cache.Open(dir, cache.Options{})
	if err != nil {
		return unusable(err), dir, err
	}
	defer store.Close() // nothing was written that could be lost
	f := finding{Check: "store", State: stateOK, What: store.Dir() + " can be written"}
	if err := store.Writable(); err != nil {
		f.State, f.What = stateWarn, err.Error()
		f.Do = "a store of your own: --store DIR, LAYERS_STORE"
	}
	return []finding{f, checkSpace(store.Dir(), units)}, dir, nil
}

func unusable(err error) []finding {
	return []finding{{Check: "store", State: stateNo, What: err.Error(), Do: explain(err).hint}}
}

func checkCredentials(authFile string) []finding {
	var found []finding
	var looked []string
	for _, c := range source.Credentials(source.Options{AuthFile: authFile}) {
		f := finding{Check: "credentials", State: stateOK}
		switch {
		case errors.Is(c.Err, fs.ErrNotExist):
			looked = append(looked, c.Path)
			continue
		case c.Err != nil:
			f.State, f.What = stateWarn, c.Path+": "+pathCause(c.Err).Error()
			f.Do = "put the file right; it is not used, or not all of it"
		case len(c.Registries)+len(c.Helpers) == 0:
			f.What = c.Path + " has none"
		default:
			f.What = c.Path + " for " + list(c.Registries, 20)
		}
		if len(c.Helpers) > 0 {
			f.Detail = []string{"asks " + strings.Join(c.Helpers, ", ")}
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		found = []finding{{Check: "credentials", State: stateOK, What: "none: registries are asked without",
			Do: "for private images: docker login, podman login, or --authfile FILE"}}
	}
	if len(looked) > 0 {
		last := &found[len(found)-1]
		last.Detail = append(last.Detail, "not there: "+strings.Join(looked, ", "))
	}
	return found
}

func checkEngines() []finding {
	var found []finding
	missing := map[string][]string{}
	for _, e := range source.Engines() {
		name := strings.ToLower(e.Name)
		switch {
		case e.Reachable:
			found = append(found, finding{Check: name, State: stateOK, What: e.Socket + "  " + e.Version, Do: e.Advice})
		case errors.Is(e.Err, fs.ErrNotExist) && e.From == "":
			missing[name] = append(missing[name], e.Socket)
		default:
			found = append(found, finding{Check: name, State: stateWarn, What: fmt.Sprintf("%s: %v", e.Socket, e.Err), Do: e.Advice})
		}
	}
	for _, name := range []string{"docker", "podman"} {
		if len(missing[name]) > 0 && !hasCheck(found, name) {
			found = append(found, finding{Check: name, State: stateOK, What: "not here (needed only for images of the engine)",
				Detail: []string{"no " + strings.Join(missing[name], ", ")}})
		}
	}
	return found
}

func hasCheck(found []finding, name string) bool {
	for _, f := range found {
		if f.Check == name {
			return true
		}
	}
	return false
}

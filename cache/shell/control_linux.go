package shell

import (
	"encoding/json"
	"io"
	"sync"
)

// message is what the init tells its parent, one thing at a time.
type message struct {
	Failed  *failure `json:",omitempty"`
	Started *Started `json:",omitempty"`
	Changed *Change  `json:",omitempty"`
	Ended   *Ended   `json:",omitempty"`
}

// order is what the parent tells the init, once it is configured.
type order struct{ Signal int }

// failure is an error on its way to the parent.
type failure struct {
	Kind string // of the errors below
	Code int
	Text string
	Hint string
}

func failed(err error) *failure {
	switch e := err.(type) {
	case *CommandError:
		return &failure{Kind: "command", Code: e.Code, Text: e.Text, Hint: e.Hint}
	case *HostError:
		return &failure{Kind: "host", Text: e.Text, Hint: e.Hint}
	}
	return &failure{Text: err.Error()}
}

func (f *failure) error() error {
	switch f.Kind {
	case "command":
		return &CommandError{Code: f.Code, Text: f.Text, Hint: f.Hint}
	case "host":
		return &HostError{Text: f.Text, Hint: f.Hint}
	}
	return &SetupError{Text: f.Text}
}

// teller tells the parent; several goroutines may.
type teller struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func newTeller(w io.Writer) *teller { return &teller{enc: json.NewEncoder(w)} }

func (t *teller) tell(m message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.enc.Encode(m)
}

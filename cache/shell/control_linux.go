package shell

import (
	"encoding/gob"
	"errors"
	"io"
	"sync"
)

// message is what the init tells its parent, one thing at a time. Both are this program,
// and names are bytes: gob keeps them as they are.
type message struct {
	Failed  *failure
	Grouped bool // it waits for an order, Sealed
	Started *Started
	Changed *Change
	Ended   *Ended
}

// order is what the parent tells the init, once it is configured.
type order struct {
	Signal int  // for the command
	Sealed bool // the init is in none of the command's control groups
}

// failure is an error on its way to the parent.
type failure struct {
	Kind string // of the errors below
	Code int
	Text string
	Hint string
}

func failed(err error) *failure {
	if e, ok := errors.AsType[*CommandError](err); ok {
		return &failure{Kind: "command", Code: e.Code, Text: e.Text, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*HostError](err); ok {
		return &failure{Kind: "host", Text: err.Error(), Hint: e.Hint}
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
	enc *gob.Encoder
}

func newTeller(w io.Writer) *teller { return &teller{enc: gob.NewEncoder(w)} }

func (t *teller) tell(m message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.enc.Encode(m)
}

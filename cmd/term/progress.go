package term

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Mode is how progress is shown.
type Mode string

// The values of --progress; ModeAuto is resolved by Resolve.
const (
	ModeAuto  Mode = "auto"  // by the stream and the environment: see Resolve
	ModeTTY   Mode = "tty"   // lines that are redrawn in place
	ModePlain Mode = "plain" // a line when an item ends, fails, or 10 s have passed
	ModeJSON  Mode = "json"  // an object a line, for programs
	ModeNone  Mode = "none"  // nothing but messages
)

// Resolve decides what ModeAuto means for a stream: live lines on a terminal,
// lines in CI, nothing in a pipe.
func Resolve(m Mode, tty bool, getenv func(string) string) Mode {
	if m != ModeAuto {
		return m
	}
	ci := getenv("CI")
	switch {
	case ci != "" && ci != "false" && ci != "0":
		return ModePlain
	case tty && getenv("TERM") != "dumb":
		return ModeTTY
	case tty:
		return ModePlain
	}
	return ModeNone
}

// State is what happens to an item of work.
type State string

// The states that Progress treats apart; any other is shown by its name.
const (
	Done     State = "done"     // it is over, and counts whole
	Exists   State = "exists"   // it was there before: over, and not counted as moved
	Unpacked State = "unpacked" // it is over, and more was made of it than was asked of Done
	Retrying State = "retrying" // it goes on; Event.Err says why it stopped
)

// Event is news of one item of work: a layer of an image.
type Event struct {
	Image string
	Layer int    // from 1
	ID    string // its digest, "sha256:…"
	State State
	Bytes int64 // of Size that are done
	Size  int64
	Err   string // what went wrong, of Retrying
}

// Progress shows how work goes, on one writer, and lets messages through between
// its lines. It is safe for concurrent use. A write error ends the display and
// nothing else.
type Progress struct {
	mu    sync.Mutex
	w     io.Writer
	o     ProgressOptions
	items []*item
	byKey map[key]*item
	plan  plan
	lines int // live lines on the screen
	drawn time.Time
	dirty bool
	stop  chan struct{}
}

// ProgressOptions guides NewProgress. Bytes says sizes for people; Now is the clock.
type ProgressOptions struct {
	Mode  Mode // not ModeAuto
	Width int
	UTF8  bool
	Bytes func(int64) string
	Now   func() time.Time
}

// plan is what Expect was told.
type plan struct {
	image  string
	layers int
	bytes  int64
}

type key struct {
	image string
	layer int
}

type item struct {
	Event
	since    time.Time // of the first event
	from     int64     // bytes at the first event
	reported time.Time // of the last plain or JSON line
}

// short is the digest as lines for people have it.
func (it *item) short() string {
	id := it.ID[strings.IndexByte(it.ID, ':')+1:]
	return Escape(id[:min(12, len(id))])
}

func (it *item) over() bool { return it.State == Done || it.State == Exists || it.State == Unpacked }

const (
	redrawEvery = 100 * time.Millisecond
	plainEvery  = 10 * time.Second
)

// NewProgress returns a display that writes to w. Close it.
func NewProgress(w io.Writer, o ProgressOptions) *Progress {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Bytes == nil {
		o.Bytes = func(n int64) string { return fmt.Sprintf("%d B", n) }
	}
	if o.Width <= 0 {
		o.Width = 80
	}
	return &Progress{w: w, o: o, byKey: map[key]*item{}}
}

// Expect says how much there is to do for an image, so that sums know their whole.
func (p *Progress) Expect(image string, layers int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan{image, layers, bytes}
}

// Update takes news in.
func (p *Progress) Update(e Event) {
	if p.o.Mode == ModeNone {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startTicks()
	now := p.o.Now()
	it, isNew := p.take(e, now)
	switch p.o.Mode {
	case ModeTTY:
		p.dirty = true
		p.draw(now)
	case ModePlain:
		p.plain(it, now)
	case ModeJSON:
		p.json(it, now, isNew)
	}
}

// take records e; isNew says that the item or its state is.
func (p *Progress) take(e Event, now time.Time) (it *item, isNew bool) {
	k := key{e.Image, e.Layer}
	it = p.byKey[k]
	if it == nil {
		it = &item{Event: e, since: now, from: e.Bytes, reported: now}
		p.byKey[k] = it
		p.items = append(p.items, it)
		return it, true
	}
	isNew = it.State != e.State
	if isNew && e.Bytes < it.from {
		it.since, it.from = now, e.Bytes
	}
	it.Event = e
	return it, isNew
}

// Message writes a line of talk, above the live lines if there are any.
func (p *Progress) Message(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprintf(p.w, "%s\n", line)
	p.dirty = len(p.items) > 0
}

// Clear takes the live lines away and forgets what was shown; new events begin afresh.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	p.items, p.dirty, p.plan = nil, false, plan{}
	clear(p.byKey)
}

// Close clears the display and stops redrawing.
func (p *Progress) Close() {
	p.Clear()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}

// startTicks redraws also while no news come, so that a stall is seen as one.
func (p *Progress) startTicks() {
	every := map[Mode]time.Duration{ModeTTY: redrawEvery, ModePlain: plainEvery}[p.o.Mode]
	if p.stop != nil || every == 0 {
		return
	}
	p.stop = make(chan struct{})
	go func(stop chan struct{}) {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				p.tick(p.o.Now())
			}
		}
	}(p.stop)
}

func (p *Progress) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.o.Mode {
	case ModeTTY:
		p.draw(now)
	case ModePlain:
		for _, it := range p.items {
			if !it.over() {
				p.plain(it, now)
			}
		}
	}
}

// plain writes a line for an item that ended or met trouble, and now and then for
// one that goes on.
func (p *Progress) plain(it *item, now time.Time) {
	if !it.over() && it.State != Retrying && now.Sub(it.reported) < plainEvery {
		return
	}
	it.reported = now
	fmt.Fprintf(p.w, "%s: layer %d  %s  %s\n", Escape(it.Image), it.Layer, it.short(), p.status(it))
}

// status says how far an item is, without a bar.
func (p *Progress) status(it *item) string {
	switch it.State {
	case Done:
		return "done  " + p.o.Bytes(it.Size)
	case Unpacked:
		return "unpacked  " + p.o.Bytes(it.Size)
	case Exists:
		return "is here already  " + p.o.Bytes(it.Size)
	case Retrying:
		return "retrying: " + Escape(it.Err)
	}
	return fmt.Sprintf("%s  %s of %s", Escape(string(it.State)), p.o.Bytes(it.Bytes), p.o.Bytes(it.Size))
}

// jsonEvent is the line of --progress json.
type jsonEvent struct {
	Image  string `json:"image"`
	Layer  int    `json:"layer"`
	Digest string `json:"digest"`
	State  State  `json:"state"`
	Bytes  int64  `json:"bytes"`
	Size   int64  `json:"size"`
	Error  string `json:"error,omitempty"`
}

// json writes every change of state, and in between at most ten lines a second and item.
func (p *Progress) json(it *item, now time.Time, isNew bool) {
	if !isNew && !it.over() && it.State != Retrying && now.Sub(it.reported) < redrawEvery {
		return
	}
	it.reported = now
	line, err := json.Marshal(jsonEvent{it.Image, it.Layer, it.ID, it.State, it.Bytes, it.Size, it.Err})
	if err == nil {
		_, err = fmt.Fprintf(p.w, "%s\n", line)
	}
	if err != nil {
		p.o.Mode = ModeNone
	}
}

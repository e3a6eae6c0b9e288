package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

func newTest(mode Mode, width int) (*Progress, *bytes.Buffer, *clock) {
	var out bytes.Buffer
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	p := NewProgress(&out, ProgressOptions{Mode: mode, Width: width, UTF8: true, Now: func() time.Time { return c.now }})
	// The ticker is not wanted here: tests call tick.
	p.stop = make(chan struct{})
	return p, &out, c
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		tty  bool
		env  func(string) string
		want Mode
	}{
		{ModeAuto, true, env(), ModeTTY},
		{ModeAuto, false, env(), ModeNone},
		{ModeAuto, true, env("CI", "true"), ModePlain},
		{ModeAuto, false, env("CI", "1"), ModePlain},
		{ModeAuto, false, env("CI", "false"), ModeNone},
		{ModeAuto, true, env("TERM", "dumb"), ModePlain},
		{ModeJSON, true, env("CI", "true"), ModeJSON},
		{ModeTTY, false, env(), ModeTTY},
	} {
		if got := Resolve(c.mode, c.tty, c.env); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestPlain(t *testing.T) {
	p, out, c := newTest(ModePlain, 80)
	p.Update(Event{Image: "a:1", Layer: 1, ID: "abc", State: "downloading", Bytes: 0, Size: 100})
	c.add(9 * time.Second)
	p.Update(Event{Image: "a:1", Layer: 1, ID: "abc", State: "downloading", Bytes: 10, Size: 100})
	if out.Len() != 0 {
		t.Fatalf("a line before 10 s: %q", out)
	}
	c.add(time.Second)
	p.tick(c.now)
	p.Update(Event{Image: "a:1", Layer: 1, ID: "abc", State: Retrying, Bytes: 10, Size: 100, Err: "cut \x1b[2J"})
	p.Update(Event{Image: "a:1", Layer: 1, ID: "abc", State: Done, Bytes: 100, Size: 100})
	p.Update(Event{Image: "a:1", Layer: 2, ID: "def", State: Exists, Bytes: 5, Size: 5})
	want := "a:1: layer 1  abc  downloading  10 B of 100 B\n" +
		"a:1: layer 1  abc  retrying: cut \\x1b[2J\n" +
		"a:1: layer 1  abc  done  100 B\n" +
		"a:1: layer 2  def  is here already  5 B\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestJSONLines(t *testing.T) {
	p, out, c := newTest(ModeJSON, 80)
	for i := range 100 {
		p.Update(Event{Image: "a", Layer: 1, ID: "x", State: "downloading", Bytes: int64(i), Size: 100})
		c.add(10 * time.Millisecond)
	}
	p.Update(Event{Image: "a", Layer: 1, ID: "x", State: Done, Bytes: 100, Size: 100})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 10 || len(lines) > 12 {
		t.Errorf("%d lines for one second", len(lines))
	}
	for _, l := range lines {
		var e jsonEvent
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Errorf("%q: %v", l, err)
		}
	}
	if !strings.Contains(lines[len(lines)-1], `"digest":"x","state":"done"`) {
		t.Errorf("last line: %s", lines[len(lines)-1])
	}
}

// screen is what a terminal would show: enough of one for what draw writes.
func screen(t *testing.T, out string) []string {
	t.Helper()
	var rows []string
	for out != "" {
		var up int
		if n, _ := fmt.Sscanf(out, "\r\x1b[%dA\x1b[J", &up); n == 1 {
			if up > len(rows) {
				t.Fatalf("%d lines up of %d", up, len(rows))
			}
			rows = rows[:len(rows)-up]
			out = out[len(fmt.Sprintf("\r\x1b[%dA\x1b[J", up)):]
			continue
		}
		line, rest, ok := strings.Cut(out, "\n")
		if !ok || strings.ContainsAny(line, "\x1b\r") {
			t.Fatalf("unknown output %q", out)
		}
		rows, out = append(rows, line), rest
	}
	return rows
}

func TestLive(t *testing.T) {
	p, out, c := newTest(ModeTTY, 60)
	p.Expect("python:3.10", 3, 300)
	draws := 0
	for i := range 200 {
		n := out.Len()
		p.Update(Event{Image: "python:3.10", Layer: 1 + i%2, ID: "sha256:0123456789abcdef0123456789abcdef", State: "downloading", Bytes: int64(i / 2), Size: 100})
		if out.Len() != n {
			draws++
		}
		c.add(10 * time.Millisecond)
	}
	if draws > 21 {
		t.Errorf("%d redraws in two seconds", draws)
	}
	p.Message("a message")
	c.add(time.Second)
	p.tick(c.now)
	rows := screen(t, out.String())
	if len(rows) != 4 || rows[0] != "a message" || !strings.HasPrefix(rows[3], "python:3.10   0 of 3 layers   198 B of 300 B   ") {
		t.Errorf("screen: %q", rows)
	}
	for _, r := range rows {
		if displaywidth.String(r) > 59 {
			t.Errorf("%d columns: %q", displaywidth.String(r), r)
		}
	}
	p.Close()
	if rows := screen(t, out.String()); len(rows) != 1 {
		t.Errorf("left on the screen: %q", rows)
	}
}

func TestManyLayersFewLines(t *testing.T) {
	p, out, c := newTest(ModeTTY, 80)
	for i := range 300 {
		p.Update(Event{Image: "many", Layer: i + 1, State: "reading", Size: 10})
	}
	c.add(time.Second)
	p.tick(c.now)
	if rows := screen(t, out.String()); len(rows) != liveLines+1 {
		t.Errorf("%d lines", len(rows))
	}
}

func TestNoneIsSilentButForMessages(t *testing.T) {
	p, out, _ := newTest(ModeNone, 80)
	p.Update(Event{Image: "a", Layer: 1, State: Done})
	p.Message("hello")
	p.Close()
	if out.String() != "hello\n" {
		t.Errorf("%q", out)
	}
}

type brokenWriter struct{ writes int }

func (b *brokenWriter) Write([]byte) (int, error) { b.writes++; return 0, errors.New("gone") }

func TestABrokenScreenEndsTheDisplay(t *testing.T) {
	w := &brokenWriter{}
	c := &clock{now: time.Unix(1, 0)}
	p := NewProgress(w, ProgressOptions{Mode: ModeTTY, Now: func() time.Time { return c.now }})
	p.stop = make(chan struct{})
	for range 5 {
		p.Update(Event{Image: "a", Layer: 1, State: "reading", Size: 10})
		c.add(time.Second)
	}
	if w.writes != 1 {
		t.Errorf("%d writes", w.writes)
	}
}

func TestConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, ProgressOptions{Mode: ModeTTY, Width: 80})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				p.Update(Event{Image: "a", Layer: g, State: "reading", Bytes: int64(i), Size: 200})
			}
			p.Message("x")
		})
	}
	wg.Wait()
	p.Close()
	p.Close()
	if rows := screen(t, out.String()); len(rows) != 4 {
		t.Errorf("%q", rows)
	}
}

func TestASCIIBar(t *testing.T) {
	p := NewProgress(&bytes.Buffer{}, ProgressOptions{Mode: ModeNone})
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{0, 0, "...................."}, {5, 10, "##########.........."}, {20, 10, "####################"}, {-1, 10, "...................."}} {
		if got := p.bar(c.part, c.whole); got != c.want {
			t.Errorf("bar(%d, %d) = %s", c.part, c.whole, got)
		}
	}
}

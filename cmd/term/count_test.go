package term

import (
	"bytes"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		want string
	}{
		{ModeNone, ""},
		{ModePlain, "x\\x1b: tags 1 of 30\nx\\x1b: tags 30 of 30\n"},
		{ModeTTY, "x\\x1b: tags 1 of 30\n\r\x1b[1A\x1b[J"},
		{ModeJSON, `{"what":"x\u001b: tags","done":1,"of":30}` + "\n" + `{"what":"x\u001b: tags","done":2,"of":30}` + "\n" + `{"what":"x\u001b: tags","done":30,"of":30}` + "\n"},
	} {
		var out bytes.Buffer
		now := time.Unix(1e9, 0)
		p := NewProgress(&out, ProgressOptions{Mode: c.mode, Now: func() time.Time { return now }})
		for _, n := range []int{1, 2, 30} {
			p.Count("x\x1b: tags", n, 30)
		}
		p.Close()
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", c.mode, out.String(), c.want)
		}
	}
}

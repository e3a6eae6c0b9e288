package layer

import (
	"errors"
	"strings"
	"testing"
)

func TestNameLog(t *testing.T) {
	l := nameLog{limit: 1 << 20}
	at := map[uint32]string{}
	for _, n := range []int{1, 127, 128, 40000, 40000, namePage - 10, namePage, 3*namePage - 5, 1, 2, 5*namePage + 7, 255} {
		name := strings.Repeat(string(rune('a'+len(at))), n)
		i, err := l.add([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := at[i]; ok {
			t.Fatalf("%d names at one place", n)
		}
		at[i] = name
	}
	for i, name := range at {
		if got := string(l.at(i)); got != name {
			t.Errorf("at %d: %d bytes, want %d", i, len(got), len(name))
		}
	}
	var limit *LimitError
	if _, err := l.add(make([]byte, 1<<20)); !errors.As(err, &limit) || limit.What != "names" {
		t.Error(err)
	}
}

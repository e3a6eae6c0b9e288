package userns

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseSpans(t *testing.T) {
	const file = "ann:100000:65536\n1000:300000:10\nbob:1:1\nann:5\nann:x:1\nann:1:0\n\n" +
		"toor:7:3\nann:4294967290:100\nann:4294967295:1\nann:-1:2\nann:1:99999999999\n"
	got, err := parseSpans(strings.NewReader(file), []string{"ann", "toor", "1000"})
	want := []Span{{100000, 65536}, {300000, 10}, {7, 3}, {4294967290, 5}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := parseSpans(strings.NewReader(file), []string{"eve", "7"}); got != nil || err != nil {
		t.Errorf("%v, %v for a stranger", got, err)
	}
	if s := want[0].String(); s != "100000-165535" {
		t.Error(s)
	}
}

// TestAssembled says that ids follow one another, that none is mapped twice, and that
// there are no more ranges, and no higher ids, than the kernel takes.
func TestAssembled(t *testing.T) {
	got := assemble(1000, []Span{{100000, 5}, {100003, 9}, {900, 200}, {200000, 7}, {200000, 7}, {300000, 1 << 31}, {3000000000, 1 << 30}})
	want := []Range{{0, 1000, 1}, {1, 100000, 5}, {6, 200000, 7}, {13, 300000, 1 << 31}, {13 + 1<<31, 3000000000, 1 << 30}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	all := assemble(5, []Span{{6, lastID - 5}})
	if len(all) != 2 || all[1].Inside+all[1].Count-1 > lastID {
		t.Errorf("%v", all)
	}
	var many []Span
	for i := range uint32(1000) {
		many = append(many, Span{First: 10_000 + 2*i, Count: 1})
	}
	if n := len(assemble(5, many)); n != maxRanges {
		t.Errorf("%d ranges", n)
	}
}

func TestNames(t *testing.T) {
	one := Map{UIDs: []Range{{0, 1000, 1}, {1, 100000, 65536}}, GIDs: []Range{{0, 1000, 1}, {1, 100000, 65536}}}
	other := Map{UIDs: one.UIDs, GIDs: []Range{{0, 1000, 1}, {1, 100000, 65535}}}
	table, err := parseMap(strings.NewReader("         0       1000          1\n         1     100000      65536\n"))
	if err != nil || (Map{UIDs: table, GIDs: table}).Name() != one.Name() {
		t.Errorf("the kernel's table is read as %v, %v", table, err)
	}
	if one.Name() == other.Name() || len(one.Name()) != 12 {
		t.Errorf("%s and %s", one.Name(), other.Name())
	}
	if Self().Several() || !one.Several() || !(Map{UIDs: []Range{{0, 0, 2}}}).Several() {
		t.Error("how many ids there are is not known")
	}
	if _, err := parseMap(strings.NewReader("0 x 1\n")); err == nil {
		t.Error("a table that makes no sense is believed")
	}
}

package shell

import (
	"reflect"
	"strings"
	"testing"
)

const (
	passwd = `root:x:0:0:root:/root:/bin/sh
broken:x:abc:1::/x:
short:x:7
web:x:33:34:web:/var/www:/bin/sh
33:x:77:78::/digits:
web:x:99:99:the second one is not he:/no:
minus:x:4294967295:0::/:
`
	group = `root:x:0:
www:x:34:
audio:x:29:web,other
video:x:44:other
extra:x:30:other,web
`
)

func TestUsersOfAnImage(t *testing.T) {
	for user, want := range map[string]Identity{
		"":          {Name: "root", Home: "/root"},
		"0":         {Name: "root", Home: "/root"},
		"web":       {UID: 33, GID: 34, Groups: []uint32{29, 30}, Name: "web", Home: "/var/www"},
		"33":        {UID: 77, GID: 78, Name: "33", Home: "/digits"}, // a name first
		"web:video": {UID: 33, GID: 44, Name: "web", Home: "/var/www"},
		"web:7":     {UID: 33, GID: 7, Name: "web", Home: "/var/www"},
		"web:":      {UID: 33, GID: 34, Groups: []uint32{29, 30}, Name: "web", Home: "/var/www"},
		"1234":      {UID: 1234, Home: "/"},
		"1234:www":  {UID: 1234, GID: 34, Home: "/"},
	} {
		got, err := resolveUser(user, strings.NewReader(passwd), strings.NewReader(group))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", user, got, err, want)
		}
	}
}

func TestUsersThatAnImageHasNot(t *testing.T) {
	for _, user := range []string{"nobody", "minus", "broken", "short", "web:nobody", "-1", "4294967295", "4294967296", "web:4294967295"} {
		if got, err := resolveUser(user, strings.NewReader(passwd), strings.NewReader(group)); err == nil {
			t.Errorf("%q: got %+v", user, got)
		}
	}
}

func FuzzUsers(f *testing.F) {
	f.Add("web", passwd, group)
	f.Add("33:www", passwd, group)
	f.Add(":", "::::::\n", ":::\n")
	f.Fuzz(func(t *testing.T, user, passwd, group string) {
		id, err := resolveUser(user, strings.NewReader(passwd), strings.NewReader(group))
		if err != nil {
			return
		}
		if id.UID == 1<<32-1 || id.GID == 1<<32-1 || id.Home == "" {
			t.Errorf("%q is %+v", user, id)
		}
	})
}

func TestCapabilitiesByName(t *testing.T) {
	got, err := Capabilities([]string{"net_raw", "CAP_CHOWN", "Net_Raw"})
	if want := []string{"CAP_CHOWN", "CAP_NET_RAW"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if all, err := Capabilities([]string{"all"}); err != nil || len(all) != 41 {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if some, err := Capabilities([]string{"default", "sys_ptrace"}); err != nil || len(some) != 12 {
		t.Errorf("default and one: %d, %v", len(some), err)
	}
	if _, err := Capabilities([]string{"CAP_CAP_CHOWN"}); err == nil {
		t.Error("a name with CAP_ twice was taken")
	}
}

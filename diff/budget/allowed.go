package budget

import (
	"fmt"
	"slices"
)

// allowed is what a rule asks for.
func (r *Rule) allowed() *Allowed {
	switch r.Kind {
	case Layers, Rebuilt:
		return &Allowed{Count: &r.Count}
	case Forbid:
		values := slices.Clone(r.Paths)
		if r.Setuid {
			values = append(values, "files with setuid, setgid or capabilities")
		}
		if r.Secrets {
			values = append(values, "private keys")
		}
		return &Allowed{Values: values}
	case Require:
		return &Allowed{Values: r.Paths}
	case Base:
		return &Allowed{Values: r.BaseIs.values()}
	case User:
		if len(r.Users) == 0 {
			return &Allowed{Values: []string{"anyone but root"}}
		}
		return &Allowed{Values: r.Users}
	case Platforms:
		return &Allowed{Values: r.Platforms}
	}
	return &Allowed{Bytes: r.Limit.Bytes, Percent: r.Limit.Percent, Either: r.Limit.Either && r.Limit.Bytes != nil && r.Limit.Percent != nil}
}

func (b *BaseRule) values() []string {
	values := slices.Clone(b.Is)
	if b.MaxAge > 0 {
		values = append(values, fmt.Sprintf("at most %d days old", b.MaxAge/day))
	}
	if b.Pinned {
		values = append(values, "named by a digest")
	}
	return values
}

package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// These make cells: what people see of a value, and what CSV has of it.

func (o Options) bytesCell(n int64) cell { return cell{o.Units.Bytes(n), strconv.FormatInt(n, 10)} }

func (o Options) maybeBytes(n *int64) cell {
	if n == nil {
		return cell{}
	}
	return o.bytesCell(*n)
}

func countCell(n int64) cell { return cell{Count(n), strconv.FormatInt(n, 10)} }

func (o Options) textCell(s string) cell { return cell{o.Escape(s), term.Escape(s)} }

// pathCell has the slash of the root for people only: to programs a path is what JSON
// has of it.
func (o Options) pathCell(path string) cell { return cell{o.Path(path), term.Escape(path)} }

func (o Options) digestCell(digest string) cell { return cell{o.Digest(digest), term.Escape(digest)} }

// stepText is a step in one line: short, or whole if nothing may be cut.
func (o Options) stepText(s *inspect.Step) string {
	switch {
	case s == nil:
		return ""
	case o.NoTrunc && s.CreatedBy != "":
		return o.oneLine(s.CreatedBy)
	}
	return o.oneLine(s.Short)
}

func (o Options) stepCell(s *inspect.Step) cell {
	if s == nil {
		return cell{}
	}
	return cell{o.stepText(s), term.Escape(strings.Join(strings.Fields(s.CreatedBy), " "))}
}

// numbers writes a set of layers: "2, 3", "1-98".
func numbers(list []int) string {
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if j-i < 2 {
			j = i
			parts = append(parts, strconv.Itoa(list[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

package layer

import "encoding/binary"

// nameLog holds names, each behind its length, in pages that never move: a buffer
// that grows by copying takes more than twice its memory.
type nameLog struct {
	pages [][]byte // a name longer than a page has several, which follow each other in memory
	used  int      // bytes of the last page
	total int64    // bytes of all names, and what else is counted
	limit int64
}

const namePage = 64 << 10

// add appends a name and returns where it is.
func (l *nameLog) add(name []byte) (uint32, error) {
	if err := l.count(len(name)); err != nil {
		return 0, err
	}
	need := binary.MaxVarintLen64 + len(name)
	if len(l.pages) == 0 || l.used+need > namePage {
		if int64(len(l.pages)+need/namePage+1)*namePage > 1<<32 {
			return 0, &LimitError{What: "names", Limit: 1<<32 - 1}
		}
		l.grow(need)
	}
	page := len(l.pages) - (need+namePage-1)/namePage
	at := page*namePage + l.used
	p := l.pages[page][l.used:]
	n := binary.PutUvarint(p, uint64(len(name)))
	l.used += n + copy(p[n:], name) // beyond the page if the name has several: the next begins a new one
	return uint32(at), nil
}

// count holds so many bytes more to the limit.
func (l *nameLog) count(bytes int) error {
	l.total += int64(bytes)
	if l.total > l.limit {
		return &LimitError{What: "names", Limit: l.limit}
	}
	return nil
}

// grow adds pages for a name, which begins at the first of them.
func (l *nameLog) grow(need int) {
	count := (need + namePage - 1) / namePage
	buf := make([]byte, count*namePage)
	for i := range count {
		l.pages = append(l.pages, buf[i*namePage:])
	}
	l.used = 0
}

// at returns the name that add put there; it is valid for good.
func (l *nameLog) at(at uint32) []byte {
	p := l.pages[at/namePage][at%namePage:]
	length, n := binary.Uvarint(p)
	end := n + int(length)
	return p[n:end:end]
}

package fleet

import v1 "github.com/google/go-containerregistry/pkg/v1"

// things are blobs, or tars, with their amounts of bytes.
type things struct {
	numbers
	amount []int64 // negative if not known
}

// add returns a thing's number. What was not known of its amount is learned.
func (t *things) add(h v1.Hash, amount int64) uint32 {
	id, isNew := t.number(h)
	if isNew {
		t.amount = append(t.amount, amount)
	} else if t.amount[id] < 0 {
		t.amount[id] = amount
	}
	return id
}

// sum adds up amounts, and remembers whether any was not known.
type sum struct {
	bytes   int64
	unknown bool
}

func (s *sum) add(amount int64) {
	if amount < 0 {
		s.unknown = true
		return
	}
	s.bytes += amount
}

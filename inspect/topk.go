package inspect

import (
	"container/heap"
	"slices"
)

// topK keeps the first k, by order, of the values it is given, or all of them if
// k is negative. Values that are equal by order are kept in the order they came.
type topK[T any] struct {
	k     int
	order func(a, b T) int
	rows  ranked[T]
	seq   int
}

func newTopK[T any](k int, order func(a, b T) int) *topK[T] {
	t := &topK[T]{k: k, order: order}
	t.rows.order = order
	return t
}

// wants reports whether a value would be kept now.
func (t *topK[T]) wants(v T) bool {
	return t.k < 0 || len(t.rows.list) < t.k || t.k > 0 && t.order(v, t.rows.list[0].v) < 0
}

func (t *topK[T]) add(v T) {
	if !t.wants(v) {
		return
	}
	r := rank[T]{v, t.seq}
	t.seq++
	switch {
	case t.k < 0:
		t.rows.list = append(t.rows.list, r)
	case len(t.rows.list) < t.k:
		heap.Push(&t.rows, r)
	default:
		t.rows.list[0] = r
		heap.Fix(&t.rows, 0)
	}
}

// sorted returns what was kept, the first first. The collection is then empty.
func (t *topK[T]) sorted() []T {
	slices.SortFunc(t.rows.list, t.rows.compare)
	out := make([]T, len(t.rows.list))
	for i, r := range t.rows.list {
		out[i] = r.v
	}
	t.rows.list = nil
	return out
}

type rank[T any] struct {
	v   T
	seq int
}

// ranked is a heap with the last value on top.
type ranked[T any] struct {
	list  []rank[T]
	order func(a, b T) int
}

func (r *ranked[T]) compare(a, b rank[T]) int {
	if c := r.order(a.v, b.v); c != 0 {
		return c
	}
	return a.seq - b.seq
}

// Len is how many values are held; the five methods are for container/heap alone.
func (r *ranked[T]) Len() int { return len(r.list) }

// Less puts the value that goes first, if room is needed, on top.
func (r *ranked[T]) Less(i, j int) bool { return r.compare(r.list[i], r.list[j]) > 0 }

// Swap exchanges two places of the heap.
func (r *ranked[T]) Swap(i, j int) { r.list[i], r.list[j] = r.list[j], r.list[i] }

// Push appends a rank[T]; heap.Push then moves it to its place.
func (r *ranked[T]) Push(x any) { r.list = append(r.list, x.(rank[T])) }

// Pop takes the last of the list, where heap.Pop has put the top.
func (r *ranked[T]) Pop() any {
	last := len(r.list) - 1
	v := r.list[last]
	r.list = r.list[:last]
	return v
}

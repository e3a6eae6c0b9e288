//go:build !corpus && !race

package cache

// kills is how many processes each test kills that kills some: with the tag corpus 200,
// and under the race detector, which makes each of them slow, a few.
const kills = 60

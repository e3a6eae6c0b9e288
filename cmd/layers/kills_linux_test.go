//go:build linux && !corpus && !race

package main

import "time"

// kills is how many shells TestKilledShells kills: with the tag corpus a thousand, and
// under the race detector, which makes each of them slow, a few.
const kills = 120

// crowded is for how long TestCrowd lasts.
const crowded = 3 * time.Second

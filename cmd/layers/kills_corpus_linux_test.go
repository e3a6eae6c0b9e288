//go:build linux && corpus

package main

import "time"

const kills = 1000

// crowded is for how long TestCrowd lasts.
const crowded = 60 * time.Second

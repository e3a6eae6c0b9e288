//go:build linux && !corpus && race

package main

import "time"

const kills = 40

// crowded is for how long TestCrowd lasts.
const crowded = 4 * time.Second

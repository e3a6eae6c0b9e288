//go:build !corpus && race

package cache

const kills = 20

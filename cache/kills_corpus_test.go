//go:build corpus

package cache

const kills = 200

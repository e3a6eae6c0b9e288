//go:build !linux

package cmd

func dropStart() {}

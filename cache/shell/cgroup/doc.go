// Package cgroup limits and counts what the processes of one shell use: with control
// groups of version 2 where the controllers are there, of version 1 where they are, and
// with both on a host that has some here and some there.
package cgroup

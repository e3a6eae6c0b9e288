// Package builtin is a shell for images that have none: the POSIX shell of mvdan.cc/sh
// with tools of its own, in one process. It runs in the image's root, with no more rights
// than any command there, and needs no file of it.
package builtin

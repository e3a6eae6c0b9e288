// Package tools has the programs that a shell needs to look around in an image that has
// none: ls, cat, find and others, as functions. They know the flags of these programs
// that people use, read streams as streams, and believe nothing of what they read: names
// are bytes, and are quoted where a terminal or a reader of messages sees them.
package tools

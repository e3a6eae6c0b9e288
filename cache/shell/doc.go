// Package shell runs a process in the root of an image, without a daemon or a runtime
// of others.
//
// Prepare starts this program once more, in new namespaces. That process becomes the init
// of its own process namespace (Main) when Run tells it what to run: it builds the root, leaves the host's behind, gives up
// its privileges, starts the command, and ends when the command does. All that it makes
// (mounts, processes, network, names) ends with it, and it ends with its parent, however
// that ends.
package shell

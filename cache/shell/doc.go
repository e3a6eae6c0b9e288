// Package shell runs a process in the root of an image, without a daemon or a runtime
// of others.
//
// Run starts this program once more, in new namespaces. That process is the init of its
// own process namespace (Main): it builds the root, leaves the host's behind, gives up
// its privileges, starts the command, and ends when the command does. All that it makes
// (mounts, processes, network, names) ends with it, and it ends with its parent, however
// that ends.
package shell

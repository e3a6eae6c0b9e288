// Package userns gives processes the ids that an ordinary user may have: in a user
// namespace he is root, and the subordinate ids that /etc/subuid and /etc/subgid give
// him are everybody else. The kernel lets only root map more ids than one's own, so
// newuidmap(1) and newgidmap(1), which are setuid root, do it.
package userns

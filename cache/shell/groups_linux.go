package shell

import (
	"encoding/gob"

	"golang.org/x/sys/unix"
)

// isolateGroups makes the control groups that this process is in the roots of what can
// be seen. If they are the command's, it waits until it is out of them.
func (i *initProcess) isolateGroups(orders *gob.Decoder) error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return refused("a cgroup namespace", err)
	}
	if i.config.Doors == 0 {
		return nil
	}
	if err := i.parent.tell(message{Grouped: true}); err != nil {
		return err
	}
	for {
		var o order
		if err := orders.Decode(&o); err != nil || o.Sealed {
			return err
		}
	}
}

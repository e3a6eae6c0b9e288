package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/layers/layers/cache/userns"
)

// OwnerRole is the first argument by which this program knows that it is to weigh or
// remove a directory as root of the user namespace that it is in, and call OwnerMain.
const OwnerRole = "weigh and remove"

// asOwner weighs a directory, and removes it if asked to, in a user namespace with all
// ids of this user, since as himself he may not.
func asOwner(cause error, dir string, remove bool) (weight Weight, err error) {
	if os.Geteuid() == 0 {
		return weight, foreign(dir, cause, cause)
	}
	ids, err := userns.Mine()
	var none *userns.UnavailableError
	if errors.As(err, &none) {
		ids, err = userns.Self(), nil
	}
	if err != nil {
		return weight, err
	}
	c := userns.Command(OwnerRole, strconv.FormatBool(remove), dir)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := ids.Start(c); err != nil {
		return weight, foreign(dir, cause, errors.New(err.Error()))
	}
	if err := c.Wait(); err != nil {
		return weight, foreign(dir, cause, errors.New(strings.TrimSpace(said.String())))
	}
	return ParseWeight(out.String())
}

// foreign says whose the file is that could not be removed or read.
func foreign(dir string, cause, err error) error {
	e := &ForeignError{Dir: dir, Path: dir, Err: err}
	if at, ok := errors.AsType[*fs.PathError](cause); ok {
		e.Path = at.Path
	}
	if fi, statErr := os.Lstat(e.Path); statErr == nil {
		e.Owner = int(fi.Sys().(*syscall.Stat_t).Uid)
	}
	return e
}

// OwnerMain is the process that does so; it returns the exit code.
func OwnerMain(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		return 2
	}
	weight, err := weigh(args[1])
	if err == nil && args[0] == "true" {
		err = os.RemoveAll(args[1])
	}
	if err == nil {
		_, err = fmt.Fprint(stdout, weight.Text())
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

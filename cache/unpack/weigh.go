package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Weight is what files take, both ways that du(1) counts it: a file of several names
// counts once, directories and links count too.
type Weight struct {
	Apparent int64 `json:"apparent"` // bytes, by the files' sizes: du --apparent-size
	Disk     int64 `json:"disk"`     // bytes, by the blocks that they have on the disk: du
}

// Plus returns the sum.
func (w Weight) Plus(v Weight) Weight { return Weight{w.Apparent + v.Apparent, w.Disk + v.Disk} }

// Minus returns the difference.
func (w Weight) Minus(v Weight) Weight { return Weight{w.Apparent - v.Apparent, w.Disk - v.Disk} }

// Text is a weight as a line, which ParseWeight reads and is as long for every weight.
func (w Weight) Text() string { return fmt.Sprintf("%019d %019d\n", w.Apparent, w.Disk) }

// ParseWeight reads what Text has written, and nothing else.
func ParseWeight(text string) (w Weight, err error) {
	if _, err := fmt.Sscanf(text, "%d %d\n", &w.Apparent, &w.Disk); err != nil || w.Text() != text || w.Apparent < 0 || w.Disk < 0 {
		return Weight{}, fmt.Errorf("%.50q is no weight", text)
	}
	return w, nil
}

// WeightOf is that of one file, or of a directory without what is in it.
func WeightOf(fi fs.FileInfo) Weight {
	w := Weight{Apparent: fi.Size()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		w.Disk = st.Blocks * 512 // stat(2): whatever the blocks of the file system are
	}
	return w
}

// Weigh is the weight of a file, or of a directory and all that is in it, also of what
// Remove could remove and this user cannot read.
func Weigh(path string) (Weight, error) {
	w, err := weigh(path)
	if errors.Is(err, fs.ErrPermission) {
		return asOwner(err, path, false)
	}
	return w, err
}

type inode struct{ device, number uint64 }

func weigh(dir string) (sum Weight, err error) {
	linked := map[inode]bool{}
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 && !e.IsDir() {
			id := inode{uint64(st.Dev), st.Ino}
			if linked[id] {
				return nil
			}
			linked[id] = true
		}
		sum = sum.Plus(WeightOf(fi))
		return nil
	})
	return sum, err
}

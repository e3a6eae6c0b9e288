//go:build linux

package unpack

import (
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// smallFile is up to which size a file is copied aside and written by another
// goroutine; what is larger is written as it comes.
const smallFile = 128 << 10

// Contents takes the bytes of one layer's files, for layer.Index. Files that the
// items do not name are passed over. It is for one pass, and for one goroutine.
func (t *Target) Contents(carrier int) layer.Contents {
	c := &contents{t: t, files: t.plan.files[carrier]}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.streams = append(t.streams, c)
	return c
}

// Wanted says how many files are to come from a layer.
func (t *Target) Wanted(carrier int) int { return len(t.plan.files[carrier]) }

// Bytes is what the files that were prepared weigh.
func (t *Target) Bytes() (n int64) {
	for _, files := range t.plan.files {
		for _, f := range files {
			n += f.size
		}
	}
	return n
}

// contents is one layer's stream.
type contents struct {
	t     *Target
	files []file // what is still to come
	now   *file
	small *job
	large output
}

// Begin says where the content of the file at the offset goes: nil if it is not
// wanted.
func (c *contents) Begin(offset int64) (io.Writer, error) {
	for len(c.files) > 0 && c.files[0].offset < offset {
		c.files = c.files[1:]
	}
	c.now = nil
	if len(c.files) == 0 || c.files[0].offset != offset {
		return nil, c.t.writers.failed()
	}
	c.now = &c.files[0]
	if c.now.done {
		return nil, &PathError{Op: "write", Path: c.t.pathOf(c.now), Err: errTwice}
	}
	if c.now.size <= smallFile {
		c.small = newJob(c.now)
		return c.small, c.t.writers.failed()
	}
	c.large = output{t: c.t, file: c.now}
	return &c.large, c.large.open()
}

// End closes the file that Begin began.
func (c *contents) End() error {
	f := c.now
	switch {
	case f == nil:
		return nil
	case f.size <= smallFile:
		c.t.writers.write(c.small)
	default:
		if err := c.large.close(); err != nil {
			return err
		}
	}
	f.done = true
	c.now, c.small = nil, nil
	return nil
}

// job is a small file that is all there.
type job struct {
	file *file
	data []byte
}

var jobs = sync.Pool{New: func() any { return &job{} }}

func newJob(f *file) *job {
	j := jobs.Get().(*job)
	j.file, j.data = f, j.data[:0]
	return j
}

// Write adds to the content.
func (j *job) Write(p []byte) (int, error) {
	j.data = append(j.data, p...)
	return len(p), nil
}

// writers are goroutines that write small files.
type writers struct {
	t    *Target
	jobs chan *job
	todo sync.WaitGroup // jobs
	once sync.Once
	mu   sync.Mutex
	err  error
}

// writerCount is how many small files are written side by side.
const writerCount = 3

func newWriters(t *Target) *writers {
	w := &writers{t: t, jobs: make(chan *job, 64)}
	for range writerCount {
		go w.run()
	}
	return w
}

func (w *writers) run() {
	for j := range w.jobs {
		if w.failed() == nil {
			w.fail(w.t.writeSmall(j))
		}
		jobs.Put(j)
		w.todo.Done()
	}
}

func (w *writers) write(j *job) {
	w.todo.Add(1)
	w.jobs <- j
}

// wait returns when all that was given to write is written, with the first error.
func (w *writers) wait() error {
	w.todo.Wait()
	return w.failed()
}

func (w *writers) stop() {
	w.once.Do(func() {
		w.todo.Wait()
		close(w.jobs)
	})
}

func (w *writers) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *writers) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

const fileFlags = unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_WRONLY | unix.O_CLOEXEC

func (t *Target) pathOf(f *file) string { return t.plan.path(f.dir, t.plan.name(f.name)) }

func (t *Target) attributesOf(f *file) *attributes {
	return &attributes{
		kind: layer.File, mode: uint32(f.mode), uid: f.uid, gid: f.gid,
		time: layer.Time{Sec: f.sec, Nsec: f.nsec}, xattrs: t.plan.xattrs[f.xattrs],
	}
}

func (t *Target) writeSmall(j *job) error {
	l := output{t: t, file: j.file}
	if err := l.open(); err != nil {
		return err
	}
	if _, err := l.Write(j.data); err != nil {
		l.abandon()
		return err
	}
	return l.close()
}

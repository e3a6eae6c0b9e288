//go:build linux

package unpack

import "sync"

// smallFile is up to which size a file is copied aside and written by another
// goroutine; what is larger is written as it comes.
const smallFile = 128 << 10

// writers are goroutines that write small files, for any number of batches.
type writers struct {
	jobs chan *job
	once sync.Once
}

// writerCount is how many small files are written side by side.
const writerCount = 3

// job is a small file that is all there.
type job struct {
	data  []byte
	write func([]byte) error
	batch *batch
}

var jobs = sync.Pool{New: func() any { return &job{} }}

func newJob() *job {
	j := jobs.Get().(*job)
	j.data = j.data[:0]
	return j
}

// Write adds to the content.
func (j *job) Write(p []byte) (int, error) {
	j.data = append(j.data, p...)
	return len(p), nil
}

func (j *job) free() {
	j.write, j.batch = nil, nil
	jobs.Put(j)
}

func newWriters() *writers {
	w := &writers{jobs: make(chan *job, 64)}
	for range writerCount {
		go w.run()
	}
	return w
}

func (w *writers) run() {
	for j := range w.jobs {
		b := j.batch
		if b.failed() == nil {
			b.fail(j.write(j.data))
		}
		j.free()
		b.todo.Done()
	}
}

// stop ends the goroutines when no batch gives them anything any more.
func (w *writers) stop() { w.once.Do(func() { close(w.jobs) }) }

// batch is a number of files that are all written, or that fail together.
type batch struct {
	writers *writers
	todo    sync.WaitGroup // jobs
	mu      sync.Mutex
	err     error
}

// write has a job done, some time, by the function.
func (b *batch) write(j *job, do func([]byte) error) {
	j.batch, j.write = b, do
	b.todo.Add(1)
	b.writers.jobs <- j
}

// wait returns when all that was given to write is written, with the first error.
func (b *batch) wait() error {
	b.todo.Wait()
	return b.failed()
}

func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *batch) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

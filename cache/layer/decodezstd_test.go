package layer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// frame is a zstd frame with a window of 1<<log bytes, or, if log is 0, of as many
// as it holds.
func frame(t testing.TB, log int, content string) []byte {
	t.Helper()
	o := []zstd.EOption{zstd.WithSingleSegment(log == 0), zstd.WithEncoderCRC(log%2 == 0), zstd.WithZeroFrames(true)}
	if log != 0 {
		o = append(o, zstd.WithWindowSize(1<<log))
	}
	w, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if log == 0 {
		return w.EncodeAll([]byte(content), nil)
	}
	// EncodeAll would take no more window than there is content.
	var b bytes.Buffer
	w.Reset(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// randomFrames is a stream of frames of all kinds, and what it holds.
func randomFrames(t testing.TB, rng *rand.Rand) (stream []byte, content string) {
	t.Helper()
	for range 1 + rng.IntN(6) {
		if rng.IntN(4) == 0 {
			stream = append(stream, skippable(strings.Repeat("s", rng.IntN(100)))...)
			continue
		}
		text := strings.Repeat("text ", rng.IntN(60000))
		for range rng.IntN(3) {
			text += string(rune('a'+rng.IntN(26))) + strings.Repeat("\x00", rng.IntN(300000))
		}
		logs := []int{0, 10, 17, 20, 23, 24, 25}
		stream = append(stream, frame(t, logs[rng.IntN(len(logs))], text)...)
		content += text
	}
	return stream, content
}

// Frames of all windows, one after another, come out as they went in, whoever reads
// beside, and all memory is given back.
func TestZstdFrames(t *testing.T) {
	for seed := range uint64(40) {
		stream, want := randomFrames(t, rand.New(rand.NewPCG(seed, 1)))
		for _, decoder := range []func(io.Reader) (*Decoder, error){NewDecoder, inTurn} {
			d, err := decoder(iotest.HalfReader(bytes.NewReader(stream)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(d)
			if err != nil || string(got) != want || d.InputOffset() != int64(len(stream)) {
				t.Errorf("seed %d: %d bytes of %d, %v; %d of the blob", seed, len(got), len(want), err, d.InputOffset())
			}
			wantNoWindows(t) // already before Close
			d.Close()
		}
	}
}

func inTurn(r io.Reader) (*Decoder, error) {
	return newDecoderInTurn(context.Background(), r, &share{alone: true, limit: 1 << 40}, false)
}

func wantNoWindows(t *testing.T) {
	t.Helper()
	if !windows.TryAcquire(maxZstdWindow) {
		t.Error("a window is still held")
		return
	}
	windows.Release(maxZstdWindow)
}

// zstdFrames finds the frames where the decoder does, and stops before each that is
// too large.
func TestZstdFramesStop(t *testing.T) {
	small, large := frame(t, 20, "small"), frame(t, 25, "large")
	stream := bytesOf(skippable("x"), small, large, small)
	f := &zstdFrames{br: bufio.NewReader(bytes.NewReader(stream))}
	var got []byte
	for _, c := range []struct {
		allow uint64
		pass  []byte
		want  uint64
	}{{0, []byte(skippable("x")), 1 << 20}, {1 << 20, small, 1 << 25}, {1<<25 - 1, nil, 1 << 25}, {1 << 25, bytesOf(large, small), 0}} {
		f.allow(c.allow)
		p, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(p, c.pass) || f.larger != c.want {
			t.Fatalf("%d allowed: %d bytes, %v, then %d", c.allow, len(p), err, f.larger)
		}
		got = append(got, p...)
	}
	if !bytes.Equal(got, stream) {
		t.Error("another stream")
	}
}

// Whoever would need more memory than there is waits, and not longer than its
// context, until others have closed or are at their end.
func TestZstdWindowsTakeTurns(t *testing.T) {
	blob := frame(t, 27, "x")
	read := func(d *Decoder, err error) (*Decoder, error) {
		if err == nil {
			_, err = io.ReadFull(d, make([]byte, 1))
		}
		return d, err
	}
	first, err := read(inTurn(bytes.NewReader(blob)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		d, err := read(newDecoderInTurn(ctx, bytes.NewReader(blob), &share{alone: true, limit: 1 << 40}, false))
		d.Close()
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("error %v", err)
	}
	// Who has not said that it reads on waits for nobody.
	free, err := read(NewDecoder(bytes.NewReader(blob)))
	if err != nil {
		t.Error(err)
	}
	free.Close()
	go func() {
		d, err := read(inTurn(bytes.NewReader(blob)))
		d.Close()
		ended <- err
	}()
	first.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantNoWindows(t)
}

// Many at once that grow one after another all come to their ends.
func TestZstdWindowsOfManyStreams(t *testing.T) {
	blob := bytesOf(frame(t, 20, "a"), frame(t, 24, "b"), frame(t, 26, "c"), frame(t, 27, "d"), frame(t, 20, "e"))
	ended := make(chan error)
	for range 8 {
		go func() {
			d, err := inTurn(bytes.NewReader(blob))
			if err == nil {
				var out []byte
				if out, err = io.ReadAll(d); err == nil && string(out) != "abcde" {
					err = errors.New("other bytes")
				}
				d.Close()
			}
			ended <- err
		}()
	}
	for range 8 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	wantNoWindows(t)
}

// The frames' headers are read as the decoder reads them.
func FuzzFrameHeader(f *testing.F) {
	for _, log := range []int{0, 10, 23, 27} {
		f.Add(frame(f, log, "x")[4:])
		f.Add(frame(f, log, strings.Repeat("x", 70000))[4:])
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		b := bytesOf(zstdMagic, rest)
		b = b[:min(len(b), frameHeaderMax)]
		size, window, ok := frameHeader(b)
		var h zstd.Header
		err := h.Decode(b)
		switch {
		case err == nil && !ok:
			t.Errorf("%x was not understood", b)
		case err != nil || !ok: // which of what is malformed is found here does not matter
		case int(size) != h.HeaderSize || !h.SingleSegment && window != h.WindowSize || h.SingleSegment && window != h.FrameContentSize:
			t.Errorf("%x: %d bytes, window %d; the library says %+v", b, size, window, h)
		}
	})
}

//go:build linux

package seccomp

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// data is struct seccomp_data: what a program sees of a system call.
type data struct {
	number, audit uint32
	args          [6]uint64
}

func (d data) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, d.number)
	b = binary.LittleEndian.AppendUint32(b, d.audit)
	b = binary.LittleEndian.AppendUint64(b, 0) // the instruction pointer
	for _, a := range d.args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return b
}

// run is what the kernel does with a program, with any instruction that libseccomp
// makes; what the kernel would refuse to load is an error.
func run(program []unix.SockFilter, d data) (uint32, error) {
	var a, x uint32
	var scratch [unix.BPF_MEMWORDS]uint32
	in := d.bytes()
	for at := 0; at < len(program); at++ {
		ins := program[at]
		switch ins.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if ins.K%4 != 0 || int(ins.K) >= len(in) {
				return 0, fmt.Errorf("%d: load of %d", at, ins.K)
			}
			a = binary.LittleEndian.Uint32(in[ins.K:])
		case unix.BPF_LD | unix.BPF_MEM:
			a = scratch[ins.K]
		case unix.BPF_ST:
			scratch[ins.K] = a
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
		case unix.BPF_MISC | unix.BPF_TXA:
			a = x
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= ins.K
		case unix.BPF_JMP | unix.BPF_JA:
			at += int(ins.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			at += skip(ins, a == ins.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			at += skip(ins, a >= ins.K)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			at += skip(ins, a > ins.K)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			at += skip(ins, a&ins.K != 0)
		case unix.BPF_RET | unix.BPF_K:
			return ins.K, nil
		default:
			return 0, fmt.Errorf("%d: code %#x", at, ins.Code)
		}
	}
	return 0, fmt.Errorf("the program of %d instructions ends without an answer", len(program))
}

func skip(ins unix.SockFilter, yes bool) int {
	if yes {
		return int(ins.Jt)
	}
	return int(ins.Jf)
}

// answer runs a program that must be able to.
func answer(t testing.TB, program []unix.SockFilter, d data) uint32 {
	t.Helper()
	got, err := run(program, d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/layers/layers/cache/shell"
)

// A program that is linked dynamically is started by ld.so, under a name by which
// TestMain does not know it.
func init() {
	if len(os.Args) > 1 && os.Args[1] == shell.BuiltinRole {
		os.Exit(run(os.Args[1:]))
	}
}

// TestBuiltinShellAtATerminal is a session in an image without a shell.
func TestBuiltinShellAtATerminal(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreenOf(t, nil, nil, "layers", "shell", "IMAGE")
	prompt := "/app:1:/# "
	said := s.until(prompt)
	if !strings.Contains(said, "app:1 has no shell: this is the one built into layers (ls cat find grep head stat ps; help)\r\n") {
		t.Errorf("it said %q", said)
	}
	s.typed("ls /file; echo a'nd' that\n")
	s.until("/file\r\nand that\r\n")
	s.until(prompt)

	s.typed("for i in 1 2\n")
	s.until("> ")
	s.typed("do echo it''em $i; done\n")
	s.until("item 1\r\nitem 2\r\n")
	s.until(prompt)

	s.typed("not to be run\x03")
	s.until(prompt)
	s.typed("echo be''gun; cat\n") // what waits for us is interrupted, and not the shell
	s.until("begun\r\n")
	s.typed("\x03")
	s.until(prompt)
	s.typed("echo be''gun; read x\n")
	s.until("begun\r\n")
	s.typed("\x03")
	s.until(prompt)
	s.typed("echo be''gun; while true; do true; done\n")
	s.until("begun\r\n")
	s.typed("\x03")
	s.until(prompt)
	s.typed("echo be''gun; cat\n")
	s.until("begun\r\n")
	s.typed("typed\n")
	s.until("typed\r\ntyped\r\n")
	s.typed("\x04") // the end of a command's input is not the shell's
	s.until(prompt)

	s.typed("cd /pro\tself; pw\x1b[D\x1b[C\x7f\x7fpwd\n")
	s.until("/proc/self\r\n")
	s.until(":/proc/self# ")
	s.typed("\x1b[A\x1b[A\x1b[A\x15(exit 5)\n")
	s.until(":/proc/self# ")
	s.typed("\x04")
	s.exits(5)
}

// TestBuiltinShellAndProgramsAtATerminal says that a program of the image has the
// terminal's keys, and that the shell is there afterwards.
func TestBuiltinShellAndProgramsAtATerminal(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreenOf(t, nil, nil, "furnished", "--shell", "builtin", "IMAGE")
	prompt := "/app:1:/# "
	s.until(prompt)
	s.typed("/bin/sh -c 'echo be''gun; exec sleep 1000'; echo no''t this\n")
	s.until("begun\r\n")
	s.typed("\x03")
	if said := s.until(prompt); strings.Contains(said, "not this") {
		t.Errorf("the rest of the line was run: %q", said)
	}
	s.typed("/bin/sh -c 'trap \"echo cau\"\"ght\" INT; echo be''gun; read x; echo go''t $x'; echo af''ter\n")
	s.until("begun\r\n")
	s.typed("\x03")
	s.until("caught\r\n")
	s.typed("x\n")
	s.until("after\r\n")
	s.until(prompt)
	s.typed("/bin/stty size\n")
	s.until("33 99\r\n")
	s.until(prompt)
	s.typed("exit 6\n")
	s.exits(6)
}

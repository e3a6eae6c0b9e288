package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"
)

// attack is a hostile program: it tries every way out of a shell that it knows, and
// prints the names of those that were open. What a try does is harmless where it works.
func attack([]string) int {
	if try(strongerInit) { // at once: it could be becoming weaker
		fmt.Println("stronger init")
	}
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		if try(attacks[name]) {
			fmt.Println(name)
		}
	}
	fmt.Println("all tried")
	return 0
}

// try runs an attack on a thread of its own, which ends with it: what it has become is
// not the next one's.
func try(attack func() error) bool {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- attack()
	}()
	select {
	case err := <-done:
		return err == nil
	case <-time.After(10 * time.Second):
		return false // it waits for what does not come
	}
}

// attacks are the ways out, by their names. Without an error, it was open.
var attacks = func() map[string]func() error {
	all := map[string]func() error{}
	for _, some := range []map[string]func() error{
		callAttacks, mountAttacks, fileAttacks, processAttacks, networkAttacks, privilegeAttacks, namespaceAttacks(),
	} {
		maps.Copy(all, some)
	}
	return all
}()

// written opens a file to be written, and writes to it.
func written(name, text string) func() error {
	return func() error {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(text)
		return err
	}
}

func readable(name string) func() error {
	return func() error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := f.Read(make([]byte, 1))
		if n == 1 {
			return nil
		}
		return fmt.Errorf("nothing to read: %w", err)
	}
}

// Command install makes the Python environments of tools' folders, where they are not there yet, and prints the Python of each.
//
//	go run ./samkit/pythonenv/install samkit/verify samkit/emulator
//
// Run it in the module's root. Tests need it, since they install nothing themselves.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"pricing/samkit/pythonenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, folder := range os.Args[1:] {
		python, err := pythonenv.Install(ctx, ".", folder, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, "install:", err)
			os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
		}
		fmt.Println(python)
	}
}

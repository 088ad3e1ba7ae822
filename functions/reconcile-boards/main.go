// Command reconcile-boards folds a sample of products again from their history, every night, and reports where boards differ.
package main

import "pricing/shared/boot"

func main() { boot.StartFunc(function) }

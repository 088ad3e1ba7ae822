// Command check-durability writes an observation and reads it back, every few minutes: what the store acknowledges is there.
package main

import "pricing/shared/boot"

func main() { boot.StartFunc(function) }

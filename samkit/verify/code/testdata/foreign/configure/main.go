// Command configure has another module read its settings.
package main

import "example.com/settings"

func main() {
	var s struct{ Place string }
	settings.Read(&s)
	println(s.Place)
}

// Command name-settings reads settings whose names it makes up.
package main

import (
	"fmt"
	"os"
)

func main() {
	for n := range 2 {
		fmt.Println(os.Getenv(fmt.Sprint("SETTING_", n)))
	}
	fmt.Println(os.ExpandEnv("$HOME"))
}

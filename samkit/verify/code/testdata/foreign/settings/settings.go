// Package settings is a module that finds the names of variables when it runs.
package settings

import (
	"os"
	"reflect"
	"strings"
)

// Read fills the fields of a struct.
func Read(into any) {
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		v.Field(i).SetString(os.Getenv(strings.ToUpper(v.Type().Field(i).Name)))
	}
}

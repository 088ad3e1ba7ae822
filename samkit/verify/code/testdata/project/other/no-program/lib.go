// Package lib cannot be run.
package lib

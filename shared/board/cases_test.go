//go:build !race

package board_test

// cases is how many cases TestProperty checks; -rapid.checks says another number.
const cases = 10_000

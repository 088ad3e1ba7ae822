//go:build race

package board_test

// cases are fewer than without the race detector, which makes each take several times as long and has little to find
// in a pure package.
const cases = 1_000

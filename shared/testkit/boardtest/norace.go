//go:build !race

package boardtest

const raceDetector = false

package board

// PackSegment encodes a segment, which outside tests only a flush does.
var PackSegment = packSegment

// Sizeless returns the board without what it knows of its packed form.
func Sizeless(b Board) Board {
	b.sizes = sizes{}
	return b
}

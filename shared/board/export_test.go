package board

// PackSegment encodes a segment, which outside tests only a flush does.
var PackSegment = packSegment

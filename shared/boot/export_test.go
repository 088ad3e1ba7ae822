package boot

// CollectSeldom is what a start does to Go's collector.
var CollectSeldom = collectSeldom

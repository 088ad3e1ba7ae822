package gateway

// The limits of requests, published by GET /v1/health.
const (
	SingleBytes = 32 << 10 // body of one observation, a competitor or a product
	BatchItems  = 500
	BatchBytes  = 1 << 20
	QueryIDs    = 500
)

package apigateway

import "time"

// These are assumptions: never recorded from AWS, but likely. Each is one constant, so that one line changes when the first
// real deployment shows something else. See also kinds, whose entries say which are unverified.
const (
	// unknownStageMessage is the message for a stage that does not exist; no gateway response of the API applies to it.
	unknownStageMessage = "Forbidden"
	// headerTooLargeStatus goes with the reported text "HTTP header is larger than 10240 bytes."
	headerTooLargeStatus = 431
	// urlTooLongStatus is the answer to a URL of more than maxURL characters; the limit itself is documented.
	urlTooLongStatus = 414
	// badRequestLine is the answer to characters that must be sent percent-encoded.
	badRequestLine = 400
	// maxBodyTime is how long a client may take to send a body, and slowBodyStatus what it gets after that.
	maxBodyTime    = 30 * time.Second
	slowBodyStatus = 408
	// textIsUTF8 says whether bytes that are not UTF-8 become U+FFFD. It is known of bodies, for functions and HTTP backends:
	// a body arrives whole only if its media type is among binaryMediaTypes. That it is also so of headers, queries and paths is
	// assumed, as is that a character which breaks off becomes one U+FFFD, which is how Java decodes.
	textIsUTF8 = true
	// mediaParametersCount says whether what follows ";" in a Content-Type matters for choosing a model.
	mediaParametersCount = false
	// arrayLengthsAreChecked says whether minItems and maxItems of a model count. The developer guide of 2023 says
	// that they "are not included in simple request validation".
	arrayLengthsAreChecked = false
	// denialsAreCached says whether a policy that denies is kept as long as one that allows.
	denialsAreCached = true
	// throttledCountsForQuota says whether a request that the plan's throttle refused uses up some of its quota.
	throttledCountsForQuota = false
	// wwwAuthenticateIsRemapped says whether a function's WWW-Authenticate comes out under x-amzn-Remapped-.
	wwwAuthenticateIsRemapped = true
	// emptyStaticIsSent says whether a backend's header that is mapped from '' replaces the client's, as any other static
	// value does.
	emptyStaticIsSent = true
	// tlsFailureStatus and networkMessage answer a backend whose TLS handshake fails.
	tlsFailureStatus = 504
	networkMessage   = "Network error communicating with endpoint"
	// lowestStatus is the lowest statusCode that a function may give; a lower one is malformed.
	lowestStatus = 200
	// backendTooLargeStatus answers a backend that sends more than maxPayload.
	backendTooLargeStatus = 500
)

// The gateway response behind an answer whose status is recorded, but not its type.
const (
	malformedResultType   = "INTEGRATION_FAILURE"            // 502
	wrongMethodType       = "INTEGRATION_FAILURE"            // aws_proxy with httpMethod other than POST
	missingPermissionType = "INTEGRATION_FAILURE"            // no AWS::Lambda::Permission
	refusedConnectionType = "INTEGRATION_FAILURE"            // http_proxy: nobody listens
	forbiddenMappingType  = "API_CONFIGURATION_ERROR"        // a mapping sets a header that may not be set
	mockWithoutAnswerType = "API_CONFIGURATION_ERROR"        // no response fits the mock's status
	authorizerErrorType   = "AUTHORIZER_FAILURE"             // its function failed or timed out
	authorizerAnswerType  = "AUTHORIZER_CONFIGURATION_ERROR" // its answer is malformed
	authorizerNotAllowed  = "AUTHORIZER_CONFIGURATION_ERROR" // no AWS::Lambda::Permission for it
	maxPolicyResource     = 512                              // characters of a Resource in an authorizer's policy (guide)
)

// Limits of API Gateway: bytes, characters for URLs (guide; the answers are recorded unless they are assumptions above).
const (
	maxPayload   = 10 << 20
	maxEvent     = 6_291_456
	maxHeaders   = 10_240
	maxURL       = 10_240 // regional
	maxMethodARN = 1_600
	maxIdle      = 310 * time.Second // of a connection between two requests
)

// The account's throttle in a Region, requests a second and at once (guide; newer Regions have 2,500 and 1,250).
const (
	accountRate  = 10_000
	accountBurst = 5_000
)

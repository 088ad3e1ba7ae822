package main

// Unit is a metric's unit, in CloudWatch's words, or that of an expression.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	PerSecond    Unit = "Count/Second"
	Percent      Unit = "Percent"
	Times        Unit = "None"
)

// Metric is a metric that somebody sends, and the one set of dimensions by which it is read here.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions []string
	Unit       Unit
	Rare       string // of ours: why the sample's log may have none
	Page       string // of AWS's: where it is documented
}

// environment stands for the environment's name. Everything in braces is CloudFormation's to replace, and becomes a variable in Grafana.
const environment = "${DeployEnv}"

// namespace is that of our own metrics.
const namespace = "pricing/" + environment

// Dimensions of ours.
var (
	byEnvironment = []string{"Environment"}
	byFunction    = []string{"Environment", "Function"}
	byCode        = []string{"Environment", "Code"}
	byReason      = []string{"Environment", "Reason"}
)

// Why the sample's log may have none.
const (
	needsOutage = "DynamoDB has to refuse calls for longer than they are repeated"
	needsPast   = "a client has to be late, and what the table has already from an earlier run is a duplicate"
	needsTarget = "forward-logs is there only where LogstashUrl is set"
	needsFilter = "a metric filter makes it of lines, so no line carries it"
)

// own are the metrics of the functions and of the template's metric filters.
var own = []Metric{
	{Name: "Created", Dimensions: byEnvironment, Unit: Count},
	{Name: "Changed", Dimensions: byEnvironment, Unit: Count},
	{Name: "Unchanged", Dimensions: byEnvironment, Unit: Count},
	{Name: "Late", Dimensions: byEnvironment, Unit: Count, Rare: needsPast},
	{Name: "Duplicate", Dimensions: byEnvironment, Unit: Count},
	{Name: "Conflict", Dimensions: byEnvironment, Unit: Count},
	{Name: "Rejected", Dimensions: byCode, Unit: Count},
	{Name: "Throttled", Dimensions: byEnvironment, Unit: Count, Rare: needsOutage},
	{Name: "Accepted", Dimensions: byEnvironment, Unit: Count},
	{Name: "BatchSize", Dimensions: byEnvironment, Unit: Count},
	{Name: "IngestLagSeconds", Dimensions: byEnvironment, Unit: Seconds},
	{Name: "ClockAhead", Dimensions: byEnvironment, Unit: Count},
	{Name: "SdkAttempts", Dimensions: byEnvironment, Unit: Count},
	{Name: "RetryQuotaExceeded", Dimensions: byEnvironment, Unit: Count, Rare: needsOutage},
	{Name: "ConditionalOwnWrite", Dimensions: byEnvironment, Unit: Count},
	{Name: "Unprocessed", Dimensions: byEnvironment, Unit: Count},
	{Name: "ThrottledByReason", Dimensions: byReason, Unit: Count},
	{Name: "DeadlineLeftMs", Dimensions: byEnvironment, Unit: Milliseconds},
	{Name: "ColdStart", Dimensions: byEnvironment, Unit: Count},
	{Name: "InternalErrors", Dimensions: byFunction, Unit: Count},
	{Name: "DurabilityHeartbeat", Dimensions: byEnvironment, Unit: Count},
	{Name: "DurabilityCheckMs", Dimensions: byEnvironment, Unit: Milliseconds},
	{Name: "ReconciledProducts", Dimensions: byEnvironment, Unit: Count},
	{Name: "BoardDifferences", Dimensions: byEnvironment, Unit: Count},
	{Name: "OrphanURLsRemoved", Dimensions: byEnvironment, Unit: Count},
	{Name: "ForwardedEvents", Dimensions: byEnvironment, Unit: Count, Rare: needsTarget},
	{Name: "ForwardLagSeconds", Dimensions: byEnvironment, Unit: Seconds, Rare: needsTarget},
	{Name: "AuthorizerInternalErrors", Unit: Count, Rare: needsFilter},
	{Name: "AuthorizerCrashes", Unit: Count, Rare: needsFilter},
}

// unseen are the metrics of ours that no panel shows, and why.
var unseen = map[string]string{
	"Accepted": "the sum of five outcomes that are drawn; the alarm ingest-silent reads it",
}

// Pages of AWS's metrics.
const (
	gatewayPage = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html"
	lambdaPage  = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
	tablePage   = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html"
	queuePage   = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
)

// Dimensions of AWS's.
var (
	byStage     = []string{"ApiName", "Stage"}
	byLambda    = []string{"FunctionName"}
	byTable     = []string{"TableName"}
	byIndex     = []string{"TableName", "GlobalSecondaryIndexName"}
	byOperation = []string{"TableName", "Operation"}
	byQueue     = []string{"QueueName"}
)

// amazon are the metrics of AWS's that are drawn.
var amazon = []Metric{
	{Namespace: "AWS/ApiGateway", Name: "Count", Dimensions: byStage, Unit: Count, Page: gatewayPage},
	{Namespace: "AWS/ApiGateway", Name: "4XXError", Dimensions: byStage, Unit: Count, Page: gatewayPage},
	{Namespace: "AWS/ApiGateway", Name: "5XXError", Dimensions: byStage, Unit: Count, Page: gatewayPage},
	{Namespace: "AWS/ApiGateway", Name: "Latency", Dimensions: byStage, Unit: Milliseconds, Page: gatewayPage},
	{Namespace: "AWS/ApiGateway", Name: "IntegrationLatency", Dimensions: byStage, Unit: Milliseconds, Page: gatewayPage},
	{Namespace: "AWS/Lambda", Name: "Invocations", Dimensions: byLambda, Unit: Count, Page: lambdaPage},
	{Namespace: "AWS/Lambda", Name: "Errors", Dimensions: byLambda, Unit: Count, Page: lambdaPage},
	{Namespace: "AWS/Lambda", Name: "Throttles", Dimensions: byLambda, Unit: Count, Page: lambdaPage},
	{Namespace: "AWS/Lambda", Name: "Duration", Dimensions: byLambda, Unit: Milliseconds, Page: lambdaPage},
	{Namespace: "AWS/Lambda", Name: "ConcurrentExecutions", Unit: Count, Page: lambdaPage},
	{Namespace: "AWS/DynamoDB", Name: "ConsumedReadCapacityUnits", Dimensions: byTable, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "ConsumedWriteCapacityUnits", Dimensions: byTable, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "ConsumedReadCapacityUnits", Dimensions: byIndex, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "ConsumedWriteCapacityUnits", Dimensions: byIndex, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "ReadThrottleEvents", Dimensions: byTable, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "WriteThrottleEvents", Dimensions: byTable, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "SystemErrors", Dimensions: byOperation, Unit: Count, Page: tablePage},
	{Namespace: "AWS/DynamoDB", Name: "SuccessfulRequestLatency", Dimensions: byOperation, Unit: Milliseconds, Page: tablePage},
	{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Dimensions: byQueue, Unit: Count, Page: queuePage},
	{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesNotVisible", Dimensions: byQueue, Unit: Count, Page: queuePage},
}

// known returns every metric that may be drawn, ours with their namespace.
func known() []Metric {
	all := make([]Metric, 0, len(own)+len(amazon))
	for _, m := range own {
		m.Namespace = namespace
		all = append(all, m)
	}
	return append(all, amazon...)
}

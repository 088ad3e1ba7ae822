module foreign

go 1.26

require (
	example.com/settings v1.0.0
	github.com/aws/aws-sdk-go-v2/service/sns v1.0.0
)

replace (
	example.com/settings => ./settings
	github.com/aws/aws-sdk-go-v2/service/sns => ./sns
)

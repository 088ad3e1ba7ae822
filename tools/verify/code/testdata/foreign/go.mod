module foreign

go 1.26

require github.com/aws/aws-sdk-go-v2/service/sns v1.0.0

replace github.com/aws/aws-sdk-go-v2/service/sns => ./sns

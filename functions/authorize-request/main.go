// Command authorize-request is the API's authorizer: it turns a bearer token into a policy of what its client may call.
package main

import "pricing/shared/boot"

func main() { boot.StartFunc(authorizer) }

// Command move-thing writes in a transaction: ANY /things/{id}/place.
package main

import (
	"context"
	"os"

	"pricing/samkit/verify/code/testdata/project/boot"
	"pricing/samkit/verify/code/testdata/project/store"
)

const route = "ANY /things/{id}/place"

type move struct{ *store.Store }

func (m move) Do(ctx context.Context) error { return m.Move(ctx, route) }

func main() { boot.Run(move{store.New(os.Getenv("TABLE_NAME"))}) }

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"pricing/shared/testkit/storetest"
)

// restorer builds tools/restore of the project at root in a folder, and returns what runs it on tables of an engine. It is a process
// of its own, as operators start it, which a trial may kill; the proxy is not between.
func restorer(root, dir string) (func(ctx context.Context, engine, table, from, productID string) error, error) {
	program := filepath.Join(dir, "restore")
	build := exec.Command("go", "build", "-o", program, "./tools/restore")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build tools/restore: %w\n%s", err, out)
	}
	days := strconv.Itoa(int(storetest.Retention.Hours() / 24))
	return func(ctx context.Context, engine, table, from, productID string) error {
		restore := exec.CommandContext(ctx, program, "-table", table, "-from", from, "-product", productID, "-history-days", days)
		restore.Env = append(os.Environ(), "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"AWS_ENDPOINT_URL_DYNAMODB="+engine)
		if out, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("restore: %w\n%s", err, out)
		}
		return nil
	}, nil
}

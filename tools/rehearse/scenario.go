package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// What changes from one version of list-offers to the next.
const (
	secondVersion = `package main

import "os"

func init() { _ = os.Setenv("REHEARSAL", "second") } // something that the compiler cannot leave out
`
	brokenVersion = `package main

func init() { panic("the third version is broken") }
`
)

// scenario is what happens, in order.
func (r *rehearsal) scenario(ctx context.Context) error {
	r.observed = map[string]string{}
	environments := []string{"dev", "prod"}
	var first, second, third version
	var steps []step
	add := func(name string, do func(ctx context.Context) (string, error)) { steps = append(steps, step{name, do}) }

	add("copy the project", r.copyProject)
	add("package 1", func(ctx context.Context) (_ string, err error) {
		first, err = r.pack(ctx, "the first version")
		return fmt.Sprintf("%s, %d functions", short(first.commit), len(first.manifest)), err
	})
	add("who may call is undecided", func(ctx context.Context) (string, error) { return r.undecided(ctx, first) })
	for _, env := range environments {
		add("change set 1 "+env, func(ctx context.Context) (string, error) {
			return r.changeSet(ctx, []string{given(secret)}, env, first.commit, "Add")
		})
		add("deploy 1 "+env, func(ctx context.Context) (string, error) { return r.deploy(ctx, env, first) })
		add("token "+env, func(ctx context.Context) (string, error) { return r.token(ctx, env) })
		add("smoke 1 "+env, func(ctx context.Context) (string, error) { return r.smoke(ctx, env, first) })
		add("data "+env, func(ctx context.Context) (string, error) { return r.write(ctx, env) })
	}
	add("protected", func(ctx context.Context) (string, error) { return r.protected(ctx, first) })
	add("a stack that cannot be made", func(ctx context.Context) (string, error) { return r.failedCreation(ctx, first) })
	add("one product is damaged", func(ctx context.Context) (string, error) { return r.damaged(ctx, "dev") })
	add("by hand, with the AWS CLI", r.byHand)
	if r.sam {
		add("by hand, with the SAM CLI", r.bySAM)
	}

	add("package 2", func(ctx context.Context) (_ string, err error) {
		if err = r.addFile("functions/list-offers/second.go", secondVersion); err != nil {
			return "", err
		}
		if second, err = r.pack(ctx, "a handler changes"); err != nil {
			return "", err
		}
		return r.touched(first, second)
	})
	for _, env := range environments {
		add("change set 2 "+env, func(ctx context.Context) (string, error) { return r.changeSet(ctx, nil, env, second.commit, "") })
		add("deploy 2 "+env, func(ctx context.Context) (string, error) { return r.deploy(ctx, env, second) })
		add("smoke 2 "+env, func(ctx context.Context) (string, error) { return r.smoke(ctx, env, second) })
	}
	add("deploy 2 dev again", func(ctx context.Context) (string, error) {
		text, err := r.script(ctx, nil, "deploy.sh", "dev", bucket, second.commit)
		if err == nil && !strings.Contains(text, "nothing changes") {
			err = errors.New("something changed\n" + last(text))
		}
		return "nothing changes", err
	})
	add("nothing is overwritten", func(ctx context.Context) (string, error) { return r.overwritten(ctx, first, second) })
	add("what is in the bucket changed", func(ctx context.Context) (string, error) { return r.tampered(ctx, second) })
	add("what Lambda runs changed", func(ctx context.Context) (string, error) { return r.otherCode(ctx, first, second) })

	add("the whole table is restored", func(ctx context.Context) (string, error) { return r.restored(ctx, "dev", second) })
	add("logs to Logstash", func(ctx context.Context) (string, error) { return r.forwarded(ctx, "dev", second) })
	add("a domain name", func(ctx context.Context) (string, error) { return r.domain(ctx, "dev", second) })

	add("package 3", func(ctx context.Context) (_ string, err error) {
		if err = r.addFile("functions/list-offers/third.go", brokenVersion); err != nil {
			return "", err
		}
		if third, err = r.pack(ctx, "a handler is broken"); err != nil {
			return "", err
		}
		return r.touched(second, third)
	})
	add("deploy 3 prod", func(ctx context.Context) (string, error) { return r.deploy(ctx, "prod", third) })
	add("smoke 3 prod", func(ctx context.Context) (string, error) {
		return "fails at: read back", r.refused(ctx, "smoke: read back:",
			"ops/pipeline/smoke.sh", "prod", bucket, third.commit, r.tokenFile("prod"))
	})
	add("rollback prod, no token", func(ctx context.Context) (string, error) {
		return "deployed, but its smoke fails", r.refused(ctx, "smoke:", "ops/pipeline/rollback.sh", "prod", bucket, os.DevNull)
	})
	add("rollback prod", func(ctx context.Context) (string, error) { return r.rollback(ctx, "prod", second) })
	add("rollback prod once more", func(ctx context.Context) (string, error) { return r.rollback(ctx, "prod", first) })
	add("rollback prod no further", func(ctx context.Context) (string, error) {
		return "refused: none is known to be good", r.refused(ctx, "no commit is known to have been good",
			"ops/pipeline/rollback.sh", "prod", bucket, r.tokenFile("prod"))
	})

	add("a permission is taken", func(ctx context.Context) (string, error) { return r.permission(ctx, second) })
	add("a permission is back", func(ctx context.Context) (string, error) { return r.rollback(ctx, "dev", second) })
	add("the table would be replaced", func(ctx context.Context) (string, error) { return r.replacedTable(ctx, second) })
	add("an update that fails", func(ctx context.Context) (string, error) { return r.failedUpdate(ctx, second) })
	add("teardown", r.teardown)
	add("emulator stops", func(ctx context.Context) (string, error) { return "no process is left", r.emulator.Gone(ctx) })
	return r.steps(ctx, steps...)
}

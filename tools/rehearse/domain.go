package main

import (
	"context"
	"fmt"
	"strings"

	"pricing/samkit/emulator"
)

// domain rehearses a domain name of ours: refused without a certificate, then made, with the output that everybody follows, and taken back.
func (r *rehearsal) domain(ctx context.Context, env string, v version) (string, error) {
	const name = "prices.example.com"
	bare := given("DomainName=" + name)
	if err := r.refused(ctx, "DomainName needs CertificateArn",
		"env", bare, "ops/pipeline/changeset.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	whole := bare + "\nCertificateArn=arn:aws:acm:" + emulator.Region + ":" + emulator.AccountID + ":certificate/1"
	text, err := r.script(ctx, []string{whole}, "deploy.sh", env, bucket, v.commit)
	if err != nil {
		return "", err
	}
	if !strings.Contains(text, `"https://`+name+`"`) || !strings.Contains(text, `"DomainTarget"`) {
		return "", fmt.Errorf("the outputs do not name the domain\n%s", text)
	}
	mapped, err := r.aws(ctx, "apigateway", "get-base-path-mappings", "--domain-name", name, "--output", "text",
		"--query", "items[].[restApiId, stage]")
	if err != nil {
		return "", err
	}
	id, stage, _ := strings.Cut(mapped, "\t")
	if !strings.Contains(text, `"`+id+`"`) || stage != env {
		return "", fmt.Errorf("the domain is mapped to %q", mapped)
	}
	if _, err := r.script(ctx, nil, "deploy.sh", env, bucket, v.commit); err != nil {
		return "", err
	}
	return "refused without a certificate; made, named by the outputs, and removed", r.refused(ctx, "NotFound",
		r.emulator.CLI(), "apigateway", "get-domain-name", "--domain-name", name)
}

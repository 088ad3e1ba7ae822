package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// overwritten asserts that what was packaged stays: S3 refuses to write a second time, and package.sh to package a commit's name again
// with something else. In the real bucket nobody can leave the condition away (make pipeline).
func (r *rehearsal) overwritten(ctx context.Context, first, second version) (string, error) {
	zip := "functions/list-offers/" + second.manifest["list-offers"] + ".zip"
	for _, key := range []string{zip, second.commit + "/samconfig.toml"} {
		if err := r.refused(ctx, "PreconditionFailed", r.emulator.CLI(), "s3api", "put-object", "--bucket", bucket, "--key", key,
			"--body", "README.md", "--if-none-match", "*"); err != nil {
			return "", err
		}
	}
	// It is compared with what was built just now, so the manifest of the second version has to be put back.
	file := filepath.Join(r.copy, ".build", "manifest.json")
	manifest, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	if err := r.refused(ctx, "holds another build of this commit", "ops/pipeline/package.sh", bucket, first.commit); err != nil {
		return "", err
	}
	if err := os.WriteFile(file, manifest, 0o600); err != nil {
		return "", fmt.Errorf("write the manifest: %w", err)
	}
	return "412 for zip and samconfig.toml; another build of a commit, refused", nil
}

// tampered writes something else in the place of what was packaged, as only an administrator can, and asserts that nothing of it is
// deployed.
func (r *rehearsal) tampered(ctx context.Context, v version) (string, error) {
	original, other := filepath.Join(r.dir, "original"), filepath.Join(r.dir, "other")
	for _, key := range []string{
		"functions/list-offers/" + v.manifest["list-offers"] + ".zip",
		v.commit + "/samconfig.toml", v.commit + "/manifest.json", v.commit + "/" + templateOfX86,
	} {
		if _, err := r.aws(ctx, "s3", "cp", "s3://"+bucket+"/"+key, original); err != nil {
			return "", err
		}
		text, err := os.ReadFile(original)
		if err != nil {
			return "", fmt.Errorf("read what was built: %w", err)
		}
		if err := os.WriteFile(other, append(text, '\n'), 0o600); err != nil {
			return "", fmt.Errorf("write something else: %w", err)
		}
		if _, err := r.aws(ctx, "s3", "cp", other, "s3://"+bucket+"/"+key); err != nil {
			return "", err
		}
		for _, script := range []string{"changeset.sh", "deploy.sh"} {
			// A clone of the repository that has deployed nothing yet, as in a job.
			if err := os.RemoveAll(filepath.Join(r.copy, ".build", "releases")); err != nil {
				return "", fmt.Errorf("forget the releases: %w", err)
			}
			if err := r.refused(ctx, "s3://"+bucket+"/"+key+" is not what was built", "ops/pipeline/"+script, "dev", bucket, v.commit); err != nil {
				return "", err
			}
		}
		if _, err := r.aws(ctx, "s3", "cp", original, "s3://"+bucket+"/"+key); err != nil {
			return "", err
		}
	}
	return "refused before a change set and before a deployment: zip, template, samconfig.toml, manifest", nil
}

// otherCode lets Lambda run another zip than the one that was packaged, and asserts that a deployment tells.
func (r *rehearsal) otherCode(ctx context.Context, other, v version) (string, error) {
	const function = "pricing-dev-list-offers"
	version := func(args ...string) (string, error) {
		return r.aws(ctx, append([]string{"lambda"}, append(args, "--function-name", function, "--output", "text")...)...)
	}
	before, err := version("get-alias", "--name", "live", "--query", "FunctionVersion")
	if err != nil {
		return "", err
	}
	if _, err := version("update-function-code", "--s3-bucket", bucket,
		"--s3-key", "functions/list-offers/"+other.manifest["list-offers"]+".zip"); err != nil {
		return "", err
	}
	after, err := version("publish-version", "--query", "Version")
	if err != nil {
		return "", err
	}
	if _, err := version("update-alias", "--name", "live", "--function-version", after); err != nil {
		return "", err
	}
	if err := r.refused(ctx, "these functions do not run what was built:\n"+function+"\n",
		"ops/pipeline/deploy.sh", "dev", bucket, v.commit); err != nil {
		return "", err
	}
	if _, err := version("update-alias", "--name", "live", "--function-version", before); err != nil {
		return "", err
	}
	_, err = version("update-function-code", "--s3-bucket", bucket,
		"--s3-key", "functions/list-offers/"+v.manifest["list-offers"]+".zip")
	return "told", err
}

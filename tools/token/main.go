// Command token makes, lists and revokes the API tokens of a stack.
//
//	go run ./tools/token make -table pricing-dev -env dev -client crawler-a -scopes "ingest read" \
//	    [-sources crawler-a,feed-*] [-days 365] [-out FILE]
//	go run ./tools/token list -table pricing-dev
//	go run ./tools/token revoke -table pricing-dev KEYID
//
// It talks to the table with the AWS_* variables of its environment; AWS_ENDPOINT_URL_DYNAMODB names another engine. A
// token is shown once, when it is made; the table keeps its digest only. A client may have several live tokens, so that
// one can be replaced before it is revoked. Bind a token that may write to its sources with -sources: else its client may
// write as any other's. With -out the token goes into a file that only its owner can read, and one that is there already
// and still valid is kept.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/token"
	"pricing/tools/internal/tablestore"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout, time.Now)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "token:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer, now func() time.Time) error {
	if len(args) == 0 {
		return errors.New("say make, list or revoke")
	}
	flags := flag.NewFlagSet("token "+args[0], flag.ContinueOnError)
	table := flags.String("table", "", "`name` of the stack's table")
	environment := flags.String("env", getenv("DEPLOY_ENV"), "`name` of the environment (DeployEnv)")
	client := flags.String("client", "", "`name` of whom the token is for")
	scopes := flags.String("scopes", "", "what it allows, of "+strings.Join(token.Scopes, ", "))
	var sources []string
	flags.Func("sources", "the source `ids` that it may write as, with commas; * at an end stands for any end; default: all",
		func(text string) error { sources = listed(text); return nil })
	days := flags.Int("days", 365, "`days` until it expires")
	file := flags.String("out", "", "`file` to write the token to, mode 0600; default: print it")
	if err := flags.Parse(args[1:]); err != nil {
		return flag.ErrHelp // flags has told
	}
	if *table == "" {
		return errors.New("-table is needed")
	}
	s := tablestore.Open(*table, getenv)
	switch args[0] {
	case "make":
		return mint(ctx, s, minting{environment: *environment, client: *client, scopes: strings.Fields(*scopes),
			sources: sources, days: *days, file: *file, now: now()}, out)
	case "list":
		return list(ctx, s, out)
	case "revoke":
		if flags.NArg() != 1 {
			return errors.New("name one key id")
		}
		if err := s.RevokeToken(ctx, flags.Arg(0)); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "Revoked", flags.Arg(0)+"; gateways may accept it for as long as AuthorizerTtlSeconds.")
		return err
	}
	return fmt.Errorf("%q is none of make, list, revoke", args[0])
}

// listed returns the entries of a list with commas.
func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// maxSources keeps what the authorizer answers small: API Gateway may take no more than 8 KB.
const maxSources = 20

type minting struct {
	environment, client string
	scopes              []string
	sources             []string // nil: not named
	days                int
	file                string
	now                 time.Time
}

func (m minting) check() error {
	var wrong []string
	if !token.ValidEnvironment(m.environment) {
		wrong = append(wrong, fmt.Sprintf("-env %q is no environment name", m.environment))
	}
	if !token.ValidClient(m.client) {
		wrong = append(wrong, fmt.Sprintf("-client %q is not 1 to 64 letters, digits and . _ -", m.client))
	}
	if len(m.scopes) == 0 {
		wrong = append(wrong, "-scopes is needed")
	}
	for _, scope := range m.scopes {
		if !slices.Contains(token.Scopes, scope) {
			wrong = append(wrong, fmt.Sprintf("-scopes: %q is none of %s", scope, strings.Join(token.Scopes, ", ")))
		}
	}
	for _, source := range m.sources {
		if !price.CheckSourcePattern(source) {
			wrong = append(wrong, fmt.Sprintf("-sources: %q is not 1 to 64 letters, digits and . _ -, perhaps with * at its end", source))
		}
	}
	if m.sources != nil && len(m.sources) == 0 { // such as an empty variable of a script: the token would be bound to nothing
		wrong = append(wrong, "-sources names none: leave it out if the token may write as any source")
	}
	if len(m.sources) > maxSources {
		wrong = append(wrong, fmt.Sprintf("-sources has %d entries, more than %d: use a common beginning with *", len(m.sources), maxSources))
	}
	if m.days < 1 || m.days > 3650 {
		wrong = append(wrong, "-days is from 1 to 3650")
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func mint(ctx context.Context, s *store.Store, m minting, out io.Writer) error {
	if err := m.check(); err != nil {
		return err
	}
	if m.file != "" {
		if kept, err := stillValid(ctx, s, m); kept || err != nil {
			return err
		}
	}
	t := token.Mint(m.environment)
	record := token.Record{
		KeyID: t.KeyID, Digest: t.Digest(), Client: m.client, Scopes: m.scopes, Sources: m.sources,
		NotBefore: m.now.Add(-time.Minute), Expires: m.now.AddDate(0, 0, m.days), Active: true,
	}
	if err := s.PutToken(ctx, record); err != nil {
		return err
	}
	if m.file == "" {
		_, err := fmt.Fprintln(out, t)
		return err
	}
	if err := os.WriteFile(m.file, []byte(t.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}
	return os.Chmod(m.file, 0o600) // WriteFile keeps the mode of a file that was there
}

// stillValid reports whether the file holds a token of this client that works for another day.
func stillValid(ctx context.Context, s *store.Store, m minting) (bool, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return false, nil //nolint:nilerr // there is none to keep
	}
	t, ok := token.Parse(strings.TrimSpace(string(text)))
	if !ok || t.Environment != m.environment {
		return false, nil
	}
	record, err := s.FindToken(ctx, t.KeyID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	same := record.Client == m.client && slices.Equal(record.Scopes, m.scopes) && slices.Equal(record.Sources, m.sources)
	return err == nil && same && record.Valid(t, m.now.AddDate(0, 0, 1)), nil
}

func list(ctx context.Context, s *store.Store, out io.Writer) error {
	records, err := s.ListTokens(ctx)
	if err != nil {
		return err
	}
	const columns = "%-16s  %-8s  %-20s  %-20s  %-16s  %-10s  %s\n"
	if _, err := fmt.Fprintf(out, columns, "KEY ID", "STATUS", "CLIENT", "SCOPES", "LAST USED", "EXPIRES", "SOURCES"); err != nil {
		return err
	}
	for _, r := range records {
		status := "active"
		used := "never"
		if !r.Active {
			status = "revoked"
		}
		if !r.LastUsed.IsZero() {
			used = r.LastUsed.UTC().Format("2006-01-02 15:04")
		}
		expires := r.Expires.UTC().Format("2006-01-02")
		sources := cmp.Or(strings.Join(r.Sources, ","), "any")
		if _, err := fmt.Fprintf(out, columns, r.KeyID, status, r.Client, strings.Join(r.Scopes, " "), used, expires, sources); err != nil {
			return err
		}
	}
	return nil
}

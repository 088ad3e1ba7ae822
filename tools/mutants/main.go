// Command mutants shows that the tests of the store see what they are for: it breaks the code in ways that were once
// real mistakes, one at a time, and runs the tests of shared/board and shared/store on each.
//
//	go run ./tools/mutants [NAME]...
//
// It works on a copy of the tree as it stands. A mutant that no test kills, or whose place in the code is no longer
// found, makes the exit status 1. It takes some minutes.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one way to break the code.
type mutant struct {
	name    string
	file    string
	find    string // stands in the file just once
	replace string
	tests   string // packages that have to see it
}

const (
	boardTests = "./shared/board"
	storeTests = "./shared/store"
)

var mutants = []mutant{
	// Segments and versions.
	{"a segment put is skipped now and then", "shared/store/write.go",
		"	for _, seg := range change.Segments {\n",
		"	for _, seg := range change.Segments {\n		if w.mark[0]%8 == 0 {\n			continue\n		}\n", storeTests},
	{"a segment is put without its condition", "shared/store/segments.go",
		`aws.String("attribute_not_exists(pk)")`, `aws.String("attribute_not_exists(pk) OR attribute_exists(pk)")`, storeTests},
	{"a rewritten segment is not noticed", "shared/store/segments.go",
		"	if !slices.Equal(", "	if false && !slices.Equal(", storeTests},
	{"a board that was put back goes on", "shared/store/write.go",
		"		case beyond.name == \"\", beyond.name ==", "		case true, beyond.name ==", storeTests},
	{"a flush is decided from new data", "shared/board/apply.go",
		"	if due := b.FlushDue(); due", "	if due := b.FlushDue() || len(in)%5 == 4 && b.tailLength() > 0; due", boardTests},
	{"what is flushed depends on new data", "shared/board/apply.go",
		"		c.Segments = b.segments(due)\n",
		"		next, _ := f.close(nil)\n		c.Segments = next.segments(due)\n", boardTests},
	{"what only the clock flushes stands among what never overlaps", "shared/board/flush.go",
		"	if !due {\n", "	if false {\n", boardTests},
	{"a version restarts when a board is split", "shared/board/shard.go",
		"Version: from.Version + 1,", "Version: 1,", boardTests},
	{"a version restarts now and then", "shared/board/apply.go",
		"	next.Version++\n", "	if next.Version++; next.Version > 5 {\n		next.Version = 1\n	}\n", boardTests},

	// Look-ups.
	{"a look-up of duplicates is eventually consistent", "shared/store/segments.go",
		"queryOptions{consistent: true}", "queryOptions{}", storeTests},
	{"look-ups are kept when another was first", "shared/store/write.go",
		"	var history board.History\n	request := board.Request{Clock: w.clock, Mark: w.mark, Room: board.MaxOffers}\n	for {\n" +
			"		change, need := board.Apply(p.board, p.in, request, &history)\n",
		"	history := keptHistory(p)\n	request := board.Request{Clock: w.clock, Mark: w.mark, Room: board.MaxOffers}\n	for {\n" +
			"		change, need := board.Apply(p.board, p.in, request, history)\n", storeTests},
	{"look-ups of a shard's own segments are shared", "shared/store/write.go",
		"	if l.shard == p.board.Shard {\n", "	if false {\n", storeTests},
	{"a failed look-up is kept", "shared/store/write.go",
		"	if err != nil {\n		mu.Lock()\n", "	if false {\n		mu.Lock()\n", storeTests},
	{"late segments are read like usual ones", "shared/store/segments.go",
		"return late || seg.High < span.To", "return seg.High < span.To", storeTests},
	{"late segments are looked for like usual ones", "shared/board/flush.go",
		"min(s.To.Add(LateSpan), maxTime)", "s.To", boardTests},
	{"a shard forgets what was flushed before it", "shared/store/items.go",
		"	labels := []label{{board.Shard{}, d.Flushed}}\n", "	labels := []label{}\n", storeTests},
	{"a directory forgets how far it was flushed", "shared/store/split.go",
		`past = :past REMOVE o, h, w, d")`, `past = :past REMOVE o, h, w, d, f, l")`, storeTests},
	{"a moved shard forgets how far it was flushed", "shared/store/split.go",
		`moved = :true REMOVE o, h, w, d")`, `moved = :true REMOVE o, h, w, d, f, l")`, storeTests},

	// The fold.
	{"late data is handled only inside the current run", "shared/board/apply.go",
		"	case beforeRun: // another observation stands between it and the run: nothing of the run changes\n",
		"	case !afterStart:\n	case beforeRun:\n", boardTests},
	{"the first arrival wins", "shared/board/apply.go",
		"	if !w.exists() || Compare(w.Key, e, w.Current) > 0 {\n", "	if !w.exists() {\n", boardTests},
	{"offers that leave take their tail along", "shared/board/apply.go",
		"; due || f.tailGoes {\n", "; due {\n", boardTests},
	{"nobody looks for what an offer had that left", "shared/board/apply.go",
		"min(f.board.Flushed, max(w.Current.ObservedAt, f.dropped))", "min(f.board.Flushed, w.Current.ObservedAt)", boardTests},
	{"our own prices leave like others", "shared/board/board.go",
		" || o.Key.CompetitorID == price.Own {\n", " {\n", boardTests},
	{"a shard takes any number of offers", "shared/board/apply.go",
		"f.live+f.created >= MaxShardOffers", "f.live+f.created >= 1000*MaxShardOffers", boardTests},
	{"a split product takes any number of offers", "shared/store/write.go",
		"			if err != nil || change.Created <= room {\n", "			if err != nil || change.Created <= room+board.MaxOffers {\n", storeTests},

	// Urls.
	{"the first url that arrives wins", "shared/board/url.go",
		"bytes.Compare(name[:], u.Name[:])) <= 0:\n", "bytes.Compare(name[:], u.Name[:]), -1) != 0:\n", boardTests},
	{"the last url that arrives wins", "shared/board/url.go",
		"	case u.Name != URLName{} && cmp.Or(of.Compare(key, u.Of), bytes.Compare(name[:], u.Name[:])) <= 0:\n",
		"	case cmp.Or(0, bytes.Compare(name[:], u.Name[:])) == 0:\n", boardTests},
	{"urls are removed whoever came first", "shared/store/urls.go",
		`aws.String("attribute_not_exists(v) OR v < :v")`, `aws.String("attribute_not_exists(v) OR v < :v OR v >= :v")`, storeTests},
	{"a url is removed although it has just come back", "shared/board/url.go",
		"	if stored.Before != u.Name {\n", "	if stored.Before != (URLName{}) {\n", boardTests},
	{"urls of a writer at work are taken for orphans", "shared/store/urls.go",
		"		if urls.Version > versions[text(it, AttrSK)] {\n", "		if urls.Version > versions[text(it, AttrSK)]+1 {\n", storeTests},

	// Writes and their outcomes.
	{"one's own write is not recognised", "shared/board/board.go",
		"b.Version-v < int64(len(b.Marks)) && b.Marks[v%int64(len(b.Marks))] == m",
		"b.Version-v < int64(len(b.Marks)) && b.Marks[v%int64(len(b.Marks))] == m && m == Mark{}", storeTests},
	{"a missing shard is taken for empty by a writer", "shared/store/write.go",
		"	case p.elsewhere:\n		return moved, nil, nil\n	}\n	change, err", "	case p.elsewhere && p.board.Shard.N == 0:\n" +
			"		return moved, nil, nil\n	}\n	change, err", storeTests},
	{"a missing shard is taken for empty by a reader", "shared/store/product.go",
		"		if b == nil {\n			return Product{}, errTorn\n		}\n",
		"		if b == nil {\n			empty := board.New(g.id)\n			b = &empty\n		}\n", storeTests},
	{"a directory is forgotten when another was first", "shared/store/write.go",
		"	if bi.Shard.N == 0 {\n		p.directory = bi.Directory\n	}\n", "	p.directory = bi.Directory\n", storeTests},
	{"a board is written without its condition", "shared/store/write.go",
		`condition := "v = :old"`, `condition := "v = :old OR v <> :old"`, storeTests},
	{"a catalogue entry's part goes back to an older version", "shared/store/product.go",
		`aws.String("attribute_not_exists(cv) OR cv < :cv")`,
		`aws.String("attribute_not_exists(cv) OR cv <> :cv")`, storeTests},
	{"a catalogue entry is replaced that nobody allowed to replace", "shared/store/catalogue.go",
		`aws.String("v = :old")`, `aws.String("v = :old OR v <> :old")`, storeTests},
	{"a refused writer leaves the catalogue's part of its own entry behind", "shared/store/catalogue.go",
		"	if stands.Version > 0 {", "	if stands.Version > 0 && err == nil {", storeTests},
	{"a writer is told of its own catalogue entry as of another's", "shared/store/catalogue.go",
		"stands.Version == next.Version && stands", "false && stands", storeTests},
	{"a gtin that was given up is not tried again", "shared/store/catalogue.go",
		"		if len(refused) == 0 || ", "		if true || len(refused) == 0 || ", storeTests},
	{"a page of the catalogue forgets what is left of a bucket", "shared/store/cataloguelist.go",
		"		if last == \"\" {\n", "		if last == \"\" || len(items) == 0 {\n", storeTests},
	{"the directory is replaced, the catalogue's part with it", "shared/store/split.go",
		`past = :past REMOVE o, h, w, d")`, `past = :past REMOVE o, h, w, d, cat, cv")`, storeTests},
	{"duplicates are answered from a weak read", "shared/store/write.go",
		"	case w.dryRun, !change.Write && p.certain:\n", "	case w.dryRun, !change.Write:\n", storeTests},
	{"an unknown outcome counts as a success", "shared/store/conditional.go",
		"		return locked, nil, nil\n	}\n	return 0, nil, failed\n",
		"		return locked, nil, nil\n	}\n	_ = failed\n	return committed, nil, nil\n", storeTests},
	{"what we have to mend is to be repeated", "shared/store/verdict.go",
		"	return OutcomeFailed\n", "	return OutcomeThrottled\n", storeTests},
}

// helpers are declared for mutants that need them.
const helpers = `package store

import (
	"pricing/shared/board"
	"sync"
)

var kept sync.Map

func keptHistory(p *part) *board.History {
	h, _ := kept.LoadOrStore(p, &board.History{})
	return h.(*board.History)
}
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survivors, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
	if survivors > 0 {
		fmt.Fprintf(os.Stderr, "mutants: %d survived\n", survivors)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) (survivors int, err error) {
	tree, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, fmt.Errorf("make a copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tree)) }()
	if err := copyTree(ctx, tree); err != nil {
		return 0, fmt.Errorf("make a copy: %w", err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(mutants, func(m mutant) bool { return m.name == name }) {
			return 0, fmt.Errorf("there is no mutant %q", name)
		}
	}
	whole := mutant{name: "unbroken", tests: boardTests + " " + storeTests}
	if by, err := whole.test(ctx, tree); err != nil || by != "" {
		return 0, errors.Join(err, fmt.Errorf("the unbroken code fails: %s", by))
	}
	for _, m := range mutants {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		by, err := m.try(ctx, tree)
		if err != nil {
			return survivors, fmt.Errorf("%s: %w", m.name, err)
		}
		if by == "" {
			survivors++
			by = "SURVIVED"
		}
		fmt.Printf("%-55s %s\n", m.name, by)
	}
	return survivors, nil
}

// copyTree copies the files that git knows, as they stand, and links the engine.
func copyTree(ctx context.Context, to string) error {
	listed, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet told to git
		}
		if err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
	}
	modules, err := filepath.Abs("samkit/engine/node_modules")
	if err != nil {
		return fmt.Errorf("find the engine: %w", err)
	}
	if err := os.Symlink(modules, filepath.Join(to, "samkit/engine/node_modules")); err != nil {
		return fmt.Errorf("link the engine: %w", err)
	}
	return os.WriteFile(filepath.Join(to, "shared/store/mutant_helpers.go"), []byte(helpers), 0o644)
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: ([^ ]+)`)

// try breaks the code, sees that it compiles and tests it.
func (m mutant) try(ctx context.Context, tree string) (by string, err error) {
	path := filepath.Join(tree, m.file)
	whole, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	if n := bytes.Count(whole, []byte(m.find)); n != 1 {
		return "", fmt.Errorf("its place stands %d times in %s, not once: the code has changed, mend the mutant", n, m.file)
	}
	if err := os.WriteFile(path, bytes.Replace(whole, []byte(m.find), []byte(m.replace), 1), 0o644); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, whole, 0o644)) }()
	vet := exec.CommandContext(ctx, "go", "build", "./shared/...")
	vet.Dir = tree
	if out, err := vet.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile, which proves nothing: %w\n%s", err, out)
	}
	return m.test(ctx, tree)
}

// test runs the tests and returns the first that failed; none: "".
func (m mutant) test(ctx context.Context, tree string) (by string, err error) {
	args := slices.Concat([]string{"test", "-count=1", "-failfast"}, strings.Fields(m.tests), []string{"-rapid.nofailfile"})
	test := exec.CommandContext(ctx, "go", args...)
	test.Dir = tree
	test.Env = append(os.Environ(), "CI=true")
	out, err := test.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err == nil {
		return "", nil
	}
	name := failed.FindSubmatch(out)
	if name == nil {
		return "", fmt.Errorf("the tests ended without one that failed: %w\n%s", err, out)
	}
	return string(name[1]), nil
}

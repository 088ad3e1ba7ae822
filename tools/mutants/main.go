// Command mutants shows that the tests see what they are for: it breaks the code in ways that were once real mistakes, or might well
// be, one at a time, and runs the test that has to fail then.
//
//	go run ./tools/mutants [NAME]...
//
// The tree is not touched: the compiler reads the broken file in the place of the real one (-overlay). A mutant that its test does not
// kill, or whose place in the code is no longer found, makes the exit status 1. It takes some minutes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// mutant is one way to break the code.
type mutant struct {
	name    string
	file    string
	find    string // stands in the file just once
	replace string
	tests   string // package
	by      string // the test in it that has to fail; several: A|B
}

const (
	boardTests      = "./shared/board"
	storeTests      = "./shared/store"
	restoreTests    = "./tools/restore"
	exportTests     = "./tools/export"
	historyTests    = "./tools/internal/history"
	reconcileTests  = "./functions/reconcile-boards"
	durabilityTests = "./functions/check-durability"
	forwardTests    = "./shared/forward"
	noLossTests     = "./functions/forward-logs"
)

// together is how many mutants are tried at once: most of the time goes to the compiler and the linker.
const together = 2

// properties are the packages whose tests know rapid's flags. They must not keep what fails on broken code for later runs.
var properties = []string{boardTests, storeTests, historyTests, reconcileTests, forwardTests}

var mutants = []mutant{
	// Segments and versions.
	{"a segment put is skipped now and then", "shared/store/write.go",
		"	for _, seg := range change.Segments {\n",
		"	for _, seg := range change.Segments {\n		if w.mark[0]%8 == 0 {\n			continue\n		}\n", storeTests, "TestStore_Property"},
	{"a segment is put without its condition", "shared/store/segments.go",
		`aws.String("attribute_not_exists(pk)")`, `aws.String("attribute_not_exists(pk) OR attribute_exists(pk)")`,
		storeTests, "TestRace_ABoardThatWasPutBack"},
	{"a rewritten segment is not noticed", "shared/store/segments.go",
		"	if !slices.Equal(", "	if false && !slices.Equal(", storeTests, "TestRace_ABoardThatWasPutBack"},
	{"a locked segment is taken for another's", "shared/store/segments.go",
		"	case what == locked: //", "	case false: //", storeTests, "TestRace_TwoWriters"},
	{"a board that was put back goes on", "shared/store/write.go",
		"		case beyond.name == \"\", beyond.name ==", "		case true, beyond.name ==", storeTests, "TestRace_ABoardThatWasPutBack"},
	{"a flush is decided from new data", "shared/board/apply.go",
		"	if due := b.FlushDue(); due", "	if due := b.FlushDue() || len(in)%5 == 4 && b.tailLength() > 0; due", boardTests, "TestProperty"},
	{"what is flushed depends on new data", "shared/board/apply.go",
		"		c.Segments = b.segments(due)\n",
		"		next, _ := f.close(nil)\n		c.Segments = next.segments(due)\n", boardTests, "TestProperty"},
	{"what only the clock flushes stands among what never overlaps", "shared/board/flush.go",
		"	if !due {\n", "	if false {\n", boardTests, "TestApply_FlushThatOnlyTheClockAsksFor"},
	{"a version restarts when a board is split", "shared/board/shard.go",
		"Version: from.Version + 1,", "Version: 1,", boardTests, "TestProperty"},
	{"a version restarts now and then", "shared/board/apply.go",
		"	next.Version++\n", "	if next.Version++; next.Version > 5 {\n		next.Version = 1\n	}\n", boardTests, "TestProperty"},

	// Look-ups.
	{"a look-up of duplicates is eventually consistent", "shared/store/segments.go",
		"queryOptions{consistent: true}", "queryOptions{}", storeTests, "TestRace_LookUpsAreStronglyConsistent"},
	{"look-ups are kept when another was first", "shared/store/write.go",
		"	var history board.History\n	request := board.Request{Clock: w.clock, Mark: w.mark, Room: board.MaxOffers}\n	for {\n" +
			"		change, need := board.Apply(p.board, p.in, request, &history)\n",
		"	history := keptHistory(p)\n	request := board.Request{Clock: w.clock, Mark: w.mark, Room: board.MaxOffers}\n	for {\n" +
			"		change, need := board.Apply(p.board, p.in, request, history)\n", storeTests, "TestRace_LookUpsAreDroppedWhenAnotherWasFirst"},
	{"look-ups of a shard's own segments are shared", "shared/store/write.go",
		"	if l.shard == p.board.Shard {\n", "	if false {\n", storeTests, "TestRace_LookUpsAreDroppedWhenAnotherWasFirst"},
	{"a failed look-up is kept", "shared/store/write.go",
		"	if err != nil {\n		mu.Lock()\n", "	if false {\n		mu.Lock()\n", storeTests, "TestStore_Record_AFailedLookUpIsNotKept"},
	{"late segments are read like usual ones", "shared/store/segments.go",
		"return late || seg.High < span.To", "return seg.High < span.To",
		storeTests, "TestStore_Record_LateDataFindsItsDuplicateInAnyLateSegment"},
	{"late segments are looked for like usual ones", "shared/board/flush.go",
		"min(s.To.Add(LateSpan), maxTime)", "s.To", boardTests, "TestProperty"},
	{"a shard forgets what was flushed before it", "shared/store/items.go",
		"	labels := []label{{board.Shard{}, d.Flushed}}\n", "	labels := []label{}\n",
		storeTests, "TestStore_Record_LateDataOfASplitProductReadsThePastOnce"},
	{"a directory forgets how far it was flushed", "shared/store/split.go",
		`past = :past REMOVE o, h, w, d")`, `past = :past REMOVE o, h, w, d, f, l")`,
		storeTests, "TestStore_Record_ASplitKeepsHowFarItWasFlushed"},
	{"a moved shard forgets how far it was flushed", "shared/store/split.go",
		`moved = :true REMOVE o, h, w, d")`, `moved = :true REMOVE o, h, w, d, f, l")`,
		storeTests, "TestStore_Record_ASplitKeepsHowFarItWasFlushed"},

	// The fold.
	{"late data is handled only inside the current run", "shared/board/apply.go",
		"	case beforeRun: // another observation stands between it and the run: nothing of the run changes\n",
		"	case !afterStart:\n	case beforeRun:\n", boardTests, "TestApply_LateObservationsRepairTheRun"},
	{"the first arrival wins", "shared/board/apply.go",
		"	if !w.exists() || Compare(w.Key, e, w.Current) > 0 {\n", "	if !w.exists() {\n", boardTests, "TestProperty"},
	{"offers that leave take their tail along", "shared/board/apply.go",
		"; due || f.tailGoes {\n", "; due {\n", boardTests, "TestApply_FlushThatOnlyTheClockAsksFor"},
	{"nobody looks for what an offer had that left", "shared/board/apply.go",
		"min(f.board.Flushed, max(w.Current.ObservedAt, f.dropped))", "min(f.board.Flushed, w.Current.ObservedAt)",
		boardTests, "TestApply_OlderThanWhatLeft"},
	{"our own prices leave like others", "shared/board/board.go",
		" || o.Key.CompetitorID == price.Own {\n", " {\n", boardTests, "TestApply_RetentionOfOneDay"},
	{"a shard takes any number of offers", "shared/board/apply.go",
		"f.live+f.created >= MaxShardOffers", "f.live+f.created >= 1000*MaxShardOffers", boardTests, "TestApply_NoRoom"},
	{"a split product takes any number of offers", "shared/store/write.go",
		"			if err != nil || change.Created <= room {\n", "			if err != nil || change.Created <= room+board.MaxOffers {\n",
		storeTests, "TestStore_Record_AProductTakesSoManyOffers"},

	// Urls.
	{"the first url that arrives wins", "shared/board/url.go",
		"bytes.Compare(name[:], u.Name[:])) <= 0:\n", "bytes.Compare(name[:], u.Name[:]), -1) != 0:\n", boardTests, "TestApply_URL"},
	{"the last url that arrives wins", "shared/board/url.go",
		"	case u.Name != URLName{} && cmp.Or(of.Compare(key, u.Of), bytes.Compare(name[:], u.Name[:])) <= 0:\n",
		"	case cmp.Or(0, bytes.Compare(name[:], u.Name[:])) == 0:\n", boardTests, "TestApply_URL"},
	{"urls are removed whoever came first", "shared/store/urls.go",
		`aws.String("attribute_not_exists(v) OR v < :v")`, `aws.String("attribute_not_exists(v) OR v < :v OR v >= :v")`,
		storeTests, "TestRace_URLs"},
	{"a url is removed although it has just come back", "shared/board/url.go",
		"	if stored.Before != u.Name {\n", "	if stored.Before != (URLName{}) {\n", boardTests, "TestApply_URL"},
	{"urls of a writer at work are taken for orphans", "shared/store/urls.go",
		"		if urls.Version > versions[text(it, AttrSK)] {\n", "		if urls.Version > versions[text(it, AttrSK)]+1 {\n",
		storeTests, "TestRace_URLs"},
	{"a change of urls that was locked out notes no version", "shared/store/urls.go",
		"		case met == overtaken: //", "		case met != committed: //", storeTests, "TestRace_URLs"},

	// Writes and their outcomes.
	{"one's own write is not recognised", "shared/board/board.go",
		"b.Version-v < int64(len(b.Marks)) && b.Marks[v%int64(len(b.Marks))] == m",
		"b.Version-v < int64(len(b.Marks)) && b.Marks[v%int64(len(b.Marks))] == m && m == Mark{}", storeTests, "TestRace_LostAnswers"},
	{"a missing shard is taken for empty by a writer", "shared/store/write.go",
		"	case p.elsewhere:\n		return moved, nil, nil\n	}\n	change, err", "	case p.elsewhere && p.board.Shard.N == 0:\n" +
			"		return moved, nil, nil\n	}\n	change, err", storeTests, "TestRace_StaleDirectory"},
	{"a missing shard is taken for empty by a reader", "shared/store/product.go",
		"		if b == nil {\n			return Product{}, errTorn\n		}\n",
		"		if b == nil {\n			empty := board.New(g.id)\n			b = &empty\n		}\n", storeTests, "TestRace_StaleDirectory"},
	{"a shard that was split further is taken for today's by a reader of one offer", "shared/store/product.go",
		"		if b := g.shards[board.ShardOf(key, g.directory.Shards)]; b != nil {\n",
		"		b := g.shards[board.ShardOf(key, g.directory.Shards)]\n		if b == nil {\n			empty := board.New(g.id)\n			b = &empty\n		}\n		{\n",
		storeTests, "TestRace_StaleDirectory"},
	{"a directory is forgotten when another was first", "shared/store/write.go",
		"	if bi.Shard.N == 0 {\n		p.directory = bi.Directory\n	}\n", "	p.directory = bi.Directory\n", storeTests, "TestRace_Split"},
	{"a board is written without its condition", "shared/store/write.go",
		`condition := "v = :old"`, `condition := "v = :old OR v <> :old"`, storeTests, "TestRace_TwoWriters"},
	{"a catalogue entry's part goes back to an older version", "shared/store/product.go",
		`aws.String("attribute_not_exists(cv) OR cv < :cv")`,
		`aws.String("attribute_not_exists(cv) OR cv <> :cv")`, storeTests, "TestRace_CatalogueEntries"},
	{"a catalogue entry is replaced that nobody allowed to replace", "shared/store/catalogue.go",
		`aws.String("v = :old")`, `aws.String("v = :old OR v <> :old")`, storeTests, "TestRace_CatalogueEntries"},
	{"a refused writer leaves the catalogue's part of its own entry behind", "shared/store/catalogue.go",
		"	if stands.Version > 0 {", "	if stands.Version > 0 && err == nil {", storeTests, "TestRace_CatalogueEntries"},
	{"a writer is told of its own catalogue entry as of another's", "shared/store/catalogue.go",
		"stands.Version == next.Version && stands", "false && stands", storeTests, "TestRace_CatalogueEntries"},
	{"a gtin that was given up is not tried again", "shared/store/catalogue.go",
		"		if len(refused) == 0 || ", "		if true || len(refused) == 0 || ", storeTests, "TestStore_PutCatalogueEntries"},
	{"a page of the catalogue forgets what is left of a bucket", "shared/store/cataloguelist.go",
		"		if last == \"\" {\n", "		if last == \"\" || len(items) == 0 {\n", storeTests, "TestStore_ListCatalogue_FewPass"},
	{"the directory is replaced, the catalogue's part with it", "shared/store/split.go",
		`past = :past REMOVE o, h, w, d")`, `past = :past REMOVE o, h, w, d, cat, cv")`, storeTests, "TestRace_Split"},
	{"duplicates are answered from a weak read", "shared/store/write.go",
		"	case w.dryRun, !change.Write && p.certain:\n", "	case w.dryRun, !change.Write:\n",
		storeTests, "TestRace_ADuplicateIsToldWhatIsCurrent"},
	{"an unknown outcome counts as a success", "shared/store/conditional.go",
		"		return locked, nil, nil\n	}\n	return 0, nil, failed\n",
		"		return locked, nil, nil\n	}\n	_ = failed\n	return committed, nil, nil\n", storeTests, "TestStore_NoFailureIsTakenForAnAnswer"},
	{"what we have to mend is to be repeated", "shared/store/verdict.go",
		"	return OutcomeFailed\n", "	return OutcomeThrottled\n", storeTests, "TestStore_Record_NeverTakesAnUnknownBoardForEmpty"},

	// Pages of history.
	{"a page reads no segment that reaches beyond its window", "shared/store/streams.go",
		"newestText(reach.To)", "newestText(s.span.To)", storeTests, "TestStore_History_Property"},
	{"a downward page believes where a late segment begins", "shared/store/streams.go",
		"		case s.down && s.late:\n", "		case s.down && s.late && false:\n", storeTests, "TestStore_History_ArrivedInAnyOrder"},
	{"an upward page believes late segments to be short", "shared/store/streams.go",
		"seg.High.Add(-board.LateSpan)-1)", "seg.High)", storeTests, "TestStore_History_ArrivedInAnyOrder"},
	{"a page leaves out what was flushed before a split", "shared/store/streams.go",
		"		for _, l := range k.lineage(b) {\n			labels[l.shard] = l\n",
		"		for _, l := range k.lineage(b)[len(k.lineage(b))-1:] {\n			labels[l.shard] = l\n", storeTests, "TestStore_History_Property"},
	{"what came before a row is looked for in its own shard alone", "shared/store/streams.go",
		"		for _, l := range k.lineage(b) {\n			k.shares[i].earlier = ",
		"		for _, l := range k.lineage(b)[len(k.lineage(b))-1:] {\n			k.shares[i].earlier = ", storeTests, "TestStore_History_Property"},
	{"a guess where a window begins is believed", "shared/store/streams.go",
		"(len(f.segments) == 0 || f.segments[0].High < s.span.To)", "len(f.segments) == 0", storeTests, "TestStore_History_ShardsThatDiffer"},
	{"a page does not see that an older board was put back", "shared/store/streams.go",
		"	if seg.Version < k.version(seg.Shard) ||", "	if seg.Version >= 0 ||", storeTests, "TestStore_History_AnOlderBoardWasPutBack"},
	{"a page ignores its budget", "shared/store/collect.go",
		" || spent && c.window.order(reached, c.window.start()) > 0\n", "\n", storeTests, "TestStore_History_APageEndsByItsBudget"},
	{"two observations of a moment are one position", "shared/store/history.go",
		"; c != 0 || p.Source == q.Source {", "; true {", storeTests, "TestStore_History_TwoAtTheLastMoment"},
	{"a page has one row more than it may", "shared/store/collect.go",
		"	if len(c.page.Rows) == c.window.Limit {\n", "	if len(c.page.Rows) > c.window.Limit {\n", storeTests, "TestStore_History_Pages"},
	{"the next page begins behind the window", "shared/store/history.go",
		"k.window.toward(edge, end) > 0 {", "false {", storeTests, "TestWalk_ReachedLiesInTheWindow"},
	{"offers that left their board leave the history", "shared/store/history.go",
		"return k.trusted && b.Dropped < k.window.From }", "return k.trusted }", storeTests, "TestStore_History_Property"},
	{"a raw page ends where offers last changed", "shared/store/history.go",
		"if k.window.Changes && o.RunStart >= window.From {", "if o.RunStart >= window.From {", storeTests, "TestStore_History_ALongRun"},
	{"what came in meanwhile is shown twice", "shared/store/history.go",
		"		case k.settled != k.start && k.window.order(e.position(), k.settled) <= 0:", "		case false:", storeTests,
		"TestStore_History_Property"},
	{"the first row that is met is taken for the one before", "shared/store/history.go",
		"if !s.done && (before == nil || s.edge > to) {", "if !s.done && before == nil && to == 0 {", storeTests, "TestStore_History_Property"},

	// Calls.
	{"a connection is not kept", "shared/store/transport.go",
		"	if r.Body != nil && r.ContentLength > 0 {\n", "	if false {\n", storeTests, "TestNewClient_KeepsItsConnection"},
	{"an attempt may take any time", "shared/store/transport.go",
		"WithTimeout(timeout)", "WithTimeout(0 * timeout)", storeTests, "TestNewClient_Timeouts"},

	// Answers.
	{"an observation is acknowledged before it is written", "shared/store/write.go",
		"	met, standing, err := w.store.updateBoard(ctx, p.board, change)\n",
		"	go func() { _, _, _ = w.store.updateBoard(ctx, p.board, change) }()\n	met, standing, err := committed, item(nil), error(nil)\n",
		storeTests, "TestStore_Record_ManyWritersOfOneProduct"},
	{"an attempt that lost counts as written", "shared/store/write.go",
		"p.board.WroteBy(v, mark) {", "p.board.Version >= v {", storeTests, "TestRace_TwoWriters"},
	{"a dry run is answered from a weak read", "shared/store/record.go",
		"s.locate(ctx, parts, dryRun)", "s.locate(ctx, parts, false)", storeTests, "TestRace_ADryRunReadsWhatWasAcknowledged"},
	{"a dry run notes who was heard of", "shared/store/record.go",
		"	case dryRun:\n		write()\n", "	case dryRun && several && false:\n		write()\n", storeTests, "TestStore_Record_DryRunWritesNothing"},
	{"what was refused meanwhile is stored", "shared/store/record.go",
		"			if verdicts[at].Err == nil {\n				p.items", "			if true {\n				p.items", storeTests, "TestStore_Competitors"},
	{"what a bulk read has left over is taken for unknown", "shared/store/store.go",
		"		unread = out.UnprocessedKeys[*s.table].Keys\n", "		unread = nil\n", storeTests, "TestStore_Products_PartlyRead"},
	{"a throttled product of a bulk read is taken for unknown", "shared/store/product.go",
		"		wrong[text(it, AttrPK)] = err\n", "		_ = it\n", storeTests, "TestStore_Products_PartlyRead"},
	{"a gtin that could not be looked up is an unknown one", "shared/store/record.go",
		"		case !known && err != nil:\n			verdicts[i].Err = err\n", "", storeTests, "TestStore_NoFailureIsTakenForAnAnswer"},
	{"a gtin is looked up by a weak read", "shared/store/record.go",
		"s.productsOfGTINs(ctx, gtins, true)", "s.productsOfGTINs(ctx, gtins, false)", storeTests, "TestRace_GTINsAreStronglyConsistent"},

	// Segments that never overlap, and late ones.
	{"a late segment spans any time", "shared/board/flush.go",
		"		n := slices.IndexFunc(late, func(r Row) bool { return r.Observation.ObservedAt > last })\n",
		"		n := slices.IndexFunc(late, func(r Row) bool { return last < 0 })\n", storeTests,
		"TestStore_History_ArrivedInAnyOrder"},
	{"segments meet in a moment", "shared/board/flush.go",
		"		if r.Observation.ObservedAt > flushed {\n", "		if r.Observation.ObservedAt >= flushed {\n", boardTests, "TestProperty"},

	// Restorations.
	{"a restoration goes over what came meanwhile", "shared/store/replace.go",
		`return aws.String("v = :old")`, `return aws.String("v = :old OR v <> :old")`, restoreTests, "TestRestore_Race"},
	{"a restoration goes over shards that were written meanwhile", "shared/store/replace.go",
		"			put.ConditionExpression = unchanged(standing[boardKey(b.Shard)], put.ExpressionAttributeValues)\n", "", restoreTests,
		"TestRestore_Race"},
	{"a restored board has the version of its segments", "tools/restore/plan.go",
		"	p.version = p.was + 2\n", "	p.version = p.was + 1\n", restoreTests, "TestRestore"},
	{"a restoration uses a version of a segment again", "tools/restore/plan.go",
		"		texts := []string{sk[strings.LastIndexByte(sk, '#')+1:]}\n", "		texts := []string{}\n", restoreTests, "TestRestore_Versions"},
	{"a restored board does not know what left it", "tools/restore/plan.go",
		"			if _, stays := b.Find(r.Key); !stays {\n", "			if _, stays := b.Find(r.Key); !stays && clock.Now == 0 {\n", restoreTests,
		"TestRestore_Dropped"},
	{"a restoration forgets urls", "tools/restore/plan.go",
		"missingURLs(b, mine, theirs))\n", "nil)\n", restoreTests, "TestRestore"},
	{"a restored product forgets the shards it had", "tools/restore/plan.go",
		"	p.replacement.Past = d.Past\n", "", restoreTests, "TestRestore_SplitTwice"},
	{"a restoration's segments stand among what never overlaps", "tools/restore/plan.go",
		"p.was+1, allLate, some)", "p.was+1, price.NoTime, some)", restoreTests, "TestRestore_RaceWithAFlush"},
	{"a restoration relies on the segment of an unfinished flush", "tools/restore/plan.go",
		"s.Shard.N == p.shards || mine.knows(s)", "s.Shard.N == p.shards || mine.knows(s) || true", restoreTests,
		"TestRestore_StaleDirectory"},

	// Exports.
	{"an export skips shards that came while it read", "tools/internal/history/scan.go",
		"		if len(p.Missing()) > 0 {\n", "		if false {\n", historyTests, "TestScan_whileWriting"},
	{"an export leaves out what no flush has moved", "tools/internal/history/history.go",
		"			m.offers[o.Key] = append(m.offers[o.Key], o.Tail...)\n", "			_ = o\n", exportTests, "TestExport"},
	{"the state of an export runs ahead of its files", "tools/export/export.go",
		"	if err := e.complete(); err != nil {\n		return err\n	}\n	e.now.Counts.Units", "	e.now.Counts.Units", exportTests,
		"TestExport_resumed"},
	{"a resumed export removes a complete file", "tools/export/export.go",
		"f.number > e.saved.Files", "f.number >= e.saved.Files", exportTests, "TestExport_resumed"},
	{"a resumed export of DynamoDB's files repeats a product", "tools/export/dump.go",
		"pk <= after.PK", "pk < after.PK", exportTests, "TestExport_resumed"},
	{"an export leaves out its last moment", "tools/export/export.go",
		"e.ObservedAt <= f.To", "e.ObservedAt < f.To", exportTests, "TestExport"},

	// The nightly reconciliation.
	{"a url that a board names is taken for an orphan", "shared/store/urls.go",
		"				named[o.URL.Before] = true\n", "", storeTests, "TestRace_URLs"},
	{"an orphan is removed though a writer was first", "shared/store/urls.go",
		`aws.String("v = :v"),`, `aws.String("v = :v OR v <> :v"),`, storeTests, "TestRace_URLs"},
	{"an unfinished flush is taken for an older board", "functions/reconcile-boards/compare.go",
		" || unfinished(p, seg) {", " {", reconcileTests, "TestReconcile_UnfinishedFlush"},
	{"an older board that was put back rings nothing", "functions/reconcile-boards/handler.go",
		"	return append(found, tooEarly(again, h.early)...), nil\n", "	_ = again\n	return found, nil\n", reconcileTests,
		"TestReconcile_Damage"},
	{"an unreadable product ends the night's work", "functions/reconcile-boards/handler.go",
		"		found = append(found, difference{what: err.Error()})\n		r.seen.Products++\n", "		return err\n", reconcileTests,
		"TestReconcile_Trouble"},
	{"what the store says it has is not read back", "functions/check-durability/handler.go",
		"readBack(ctx, db, o); err != nil", "error(nil); err != nil", durabilityTests, "TestCheck_Fails"},

	// Logs on their way to Logstash.
	{"a part that failed is taken for delivered", "shared/forward/forward.go",
		"		if err := f.Sender.Send(ctx, part); err != nil {\n			return err\n",
		"		if err := f.Sender.Send(ctx, part); err != nil {\n			return nil\n", noLossTests, "TestForward_NoLoss"},
	{"nobody looks at the status of Logstash's answer", "shared/forward/sender.go",
		"	if response.StatusCode != http.StatusOK {\n", "	if response.StatusCode == 0 {\n", noLossTests, "TestForward_NoLoss"},
	{"of a part that failed the rest is sent again", "shared/forward/forward.go",
		"		if err := f.Sender.Send(ctx, part); err != nil {\n",
		"		err := f.Sender.Send(ctx, part)\n		for i := len(part) / 2; err != nil && i < len(part); i++ {\n			if part[i] == '\\n' {\n" +
			"				err = f.Sender.Send(ctx, part[i+1:])\n				break\n			}\n		}\n		if err != nil {\n",
		noLossTests, "TestForward_NoLoss"},
	{"an answer counts before its end", "shared/forward/sender.go",
		"	_, err = io.Copy(io.Discard, response.Body)\n", "	_, _ = io.Copy(io.Discard, response.Body)\n", noLossTests, "TestForward_NoLoss"},
	{"an answer counts before the request's end", "shared/forward/sender.go",
		"	case err = <-wrote:\n", "	case <-wrote:\n", forwardTests, "TestSender_Acknowledged"},
	{"a document's id is a hash of its message", "shared/forward/document.go",
		"	w.line = appendText(w.line, e.ID)\n",
		"	hash := uint64(14695981039346656037)\n	for _, c := range e.Message {\n		hash = (hash ^ uint64(c)) * 1099511628211\n	}\n" +
			"	w.line = appendText(w.line, strconv.FormatUint(hash, 16))\n", noLossTests, "TestForward_NoLoss"},
	{"a message that fails again leaves the queue", "functions/forward-logs/handler.go",
		"			answer.Failures = append(answer.Failures, failure{m.ID})\n", "", noLossTests, "TestForward_NoLoss"},
	{"an event that is too large holds the others up", "shared/forward/document.go",
		"		w.problem(tooLarge, message)\n", "		return nil, errors.New(tooLarge)\n", forwardTests, "TestDocuments_Problems"},
	{"half a character is replaced in silence", "shared/forward/document.go",
		"!utf8.Valid(e.Message) || loneSurrogate(e.Message)", "!utf8.Valid(e.Message)", forwardTests, "TestDocuments_Problems"},
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
	chosen := mutants
	if len(names) > 0 {
		chosen = nil
	}
	for _, name := range names {
		i := slices.IndexFunc(mutants, func(m mutant) bool { return m.name == name })
		if i < 0 {
			return 0, fmt.Errorf("there is no mutant %q", name)
		}
		chosen = append(chosen, mutants[i])
	}
	folder, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, fmt.Errorf("make a folder for what is broken: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := unbroken(ctx, chosen); err != nil {
		return 0, err
	}
	var errs []error
	var mu sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, together)
	for i, m := range chosen {
		if slots <- struct{}{}; ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-slots }()
			killed, err := m.try(ctx, filepath.Join(folder, strconv.Itoa(i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
			case killed:
				fmt.Printf("%-70s killed by %s\n", m.name, m.by)
			default:
				survivors++
				fmt.Printf("%-70s SURVIVED: %s\n", m.name, m.by)
			}
		})
	}
	running.Wait()
	return survivors, errors.Join(append(errs, context.Cause(ctx))...)
}

// unbroken sees that the tests of some mutants pass on the code as it is. The properties of boards are not tried as often as elsewhere:
// that is for the tests themselves.
func unbroken(ctx context.Context, of []mutant) error {
	tests := map[string][]string{}
	for _, m := range of {
		tests[m.tests] = append(tests[m.tests], m.by)
	}
	for _, tested := range slices.Sorted(maps.Keys(tests)) {
		var fewer []string
		if tested == boardTests {
			fewer = append(fewer, "-rapid.checks=1000")
		}
		killed, out, err := test(ctx, tested, strings.Join(tests[tested], "|"), "", fewer...)
		if err != nil {
			return err
		}
		if killed {
			return fmt.Errorf("the unbroken code fails:\n%s", out)
		}
	}
	return nil
}

// try breaks the code, in a folder that it makes, and tests it.
func (m mutant) try(ctx context.Context, folder string) (killed bool, err error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return false, fmt.Errorf("make a folder: %w", err)
	}
	whole, err := os.ReadFile(m.file)
	if err != nil {
		return false, fmt.Errorf("read: %w", err)
	}
	if n := bytes.Count(whole, []byte(m.find)); n != 1 {
		return false, fmt.Errorf("its place stands %d times in %s, not once: the code has changed, mend the mutant", n, m.file)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range map[string][]byte{
		m.file:                           bytes.Replace(whole, []byte(m.find), []byte(m.replace), 1),
		"shared/store/mutant_helpers.go": []byte(helpers),
	} {
		path, err := filepath.Abs(name)
		if err != nil {
			return false, fmt.Errorf("find %s: %w", name, err)
		}
		overlay["Replace"][path] = filepath.Join(folder, filepath.Base(name))
		if err := os.WriteFile(overlay["Replace"][path], text, 0o600); err != nil {
			return false, fmt.Errorf("write: %w", err)
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return false, fmt.Errorf("write the overlay: %w", err)
	}
	path := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return false, fmt.Errorf("write the overlay: %w", err)
	}
	killed, _, err = test(ctx, m.tests, m.by, "-overlay="+path)
	return killed, err
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: `)

// test runs tests of a package, with a flag for all commands of go that they run themselves too, and others for the tests alone. It
// reports whether one failed.
func test(ctx context.Context, tested, names, flag string, flags ...string) (killed bool, out []byte, err error) {
	args := []string{"test", "-count=1", "-failfast", "-vet=off", "-ldflags=-s -w", "-run", "^(" + names + ")$", tested}
	if slices.Contains(properties, tested) {
		args = append(args, "-rapid.nofailfile", "-rapid.shrinktime=0s")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, flags...)...)
	cmd.Env = append(os.Environ(), "CI=true", "GOFLAGS="+os.Getenv("GOFLAGS")+" "+flag)
	out, err = cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return false, nil, context.Cause(ctx)
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		return false, nil, fmt.Errorf("%s has no test %s", tested, names)
	case err == nil:
		return false, out, nil
	case !failed.Match(out): // it does not compile, say, which proves nothing
		return false, nil, fmt.Errorf("the tests ended without one that failed: %w\n%s", err, out)
	}
	return true, out, nil
}

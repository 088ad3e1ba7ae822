package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pricing/shared/price"
	"pricing/tools/chaos/history"
)

// catalogue compares the entries of the catalogue, and what of them stands beside the boards, with what was sent: it must be the
// last of what was acknowledged, or something newer of which no answer came.
func (c *checker) catalogue(events []history.Event) {
	acked := map[string]map[int64]string{} // content by version, by product
	sent := map[string][]string{}
	for _, e := range events {
		id := e.Sent.Product
		switch {
		case id == "":
		case e.Type == history.Invoke:
			sent[id] = append(sent[id], e.Content)
		case e.Type == history.OK:
			if acked[id] == nil {
				acked[id] = map[int64]string{}
			}
			if before, ok := acked[id][e.Version]; ok && before != e.Content {
				c.find("I1", Lost, e.Key, "%s: version %d was acknowledged for %q and for %q", e.Key, e.Version, before, e.Content)
			}
			acked[id][e.Version] = e.Content
		}
	}
	for id, versions := range acked {
		newest := slices.Max(slices.Collect(maps.Keys(versions)))
		p := c.stored.Products[id]
		if p.Version < newest {
			c.find("I1", Lost, "product "+id, "product %s: version %d was acknowledged, %d is stored", id, newest, p.Version)
		}
		if p.BesideVersion < newest {
			c.find("I1", Lost, "product "+id, "product %s: version %d was acknowledged, that beside its board is %d", id, newest, p.BesideVersion)
		}
	}
	for id, p := range c.stored.Products {
		about := "product " + id
		if want, ok := acked[id][p.Version]; ok && want != p.content() {
			c.find("I2", Wrong, about, "%s: version %d is %q, acknowledged was %q", about, p.Version, p.content(), want)
		}
		if p.Version > 0 && !slices.Contains(sent[id], p.content()) {
			c.find("I4", Phantom, about, "%s: nobody sent %q", about, p.content())
		}
		if p.BesideVersion > p.Version {
			c.find("I2", Wrong, about, "%s: beside its board stands version %d of %d", about, p.BesideVersion, p.Version)
		}
		if p.BesideVersion == p.Version && p.BesideList != p.List {
			c.find("I2", Wrong, about, "%s: beside its board stands %s, not %s", about, p.BesideList, p.List)
		}
		if want, ok := acked[id][p.BesideVersion]; ok && !strings.HasSuffix(want, ProductContent("", p.BesideList)) {
			c.find("I2", Wrong, about, "%s: beside its board stands %s as version %d, acknowledged was %q", about, p.BesideList,
				p.BesideVersion, want)
		}
	}
}

// ProductContent is the content of a product in a history.
func ProductContent(title, list string) string { return title + "|" + list }

func (p Product) content() string { return ProductContent(p.Title, p.List) }

// competitors compares the registered competitors with what was sent: none that was acknowledged is lost, and each is as somebody put
// it.
func (c *checker) competitors(events []history.Event) {
	sent := map[string][]string{}
	for _, e := range events {
		id := e.Sent.Competitor
		switch _, stored := c.stored.Competitors[id]; {
		case id == "":
		case e.Type == history.Invoke:
			sent[id] = append(sent[id], e.Content)
		case e.Type == history.OK && !stored:
			c.find("I1", Lost, e.Key, "%s: acknowledged and not stored", e.Key)
		}
	}
	for id, of := range c.stored.Competitors {
		if content := CompetitorContent(of); !slices.Contains(sent[id], content) {
			c.find("I4", Phantom, "competitor "+id, "competitor %s: nobody sent %q", id, content)
		}
	}
}

// CompetitorContent is the content of a competitor in a history.
func CompetitorContent(of price.Competitor) string { return fmt.Sprintf("%+v", of) }

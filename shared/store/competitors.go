package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/fault"
	"pricing/shared/price"
)

// Competitor is a registered competitor and when something last came from its feed.
type Competitor struct {
	price.Competitor
	LastReceivedAt price.Timestamp // to the minute; NoTime when never
	LastObservedAt price.Timestamp // to the minute; NoTime when never
}

// MaxCompetitors is how many competitors may be registered: every process reads the list each minute.
const MaxCompetitors = 5000

const (
	competitorAge = time.Minute // how old the cached list may be
	recheckAge    = time.Second // how old it may be when something is to be rejected for it
)

// competitorCache holds the list between requests of a warm process.
type competitorCache struct {
	mu        sync.Mutex
	list      map[string]Competitor
	readAt    time.Time
	rechecked time.Time // when it was last read strongly consistent
}

// fresh reports whether the list is younger than age.
func (c *competitorCache) fresh(now time.Time, age time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list != nil && now.Sub(c.readAt) < age
}

// Competitors returns all registered competitors by id, at most a minute old.
func (s *Store) Competitors(ctx context.Context) (map[string]Competitor, error) {
	return s.cachedCompetitors(ctx, competitorAge)
}

// cachedCompetitors returns the cached list if it is younger than age. For an age of a minute an eventually consistent read is
// good enough; below that only a strongly consistent one counts.
func (s *Store) cachedCompetitors(ctx context.Context, age time.Duration) (map[string]Competitor, error) {
	c := &s.competitors
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.now()
	readAt := c.readAt
	certain := age < competitorAge
	if certain {
		readAt = c.rechecked
	}
	if c.list != nil && now.Sub(readAt) < age {
		return c.list, nil
	}
	list, err := s.readCompetitors(ctx, leastSK, greatestSK, certain)
	if err != nil {
		return nil, fmt.Errorf("list competitors: %w", err)
	}
	c.list = list
	c.readAt = now
	if certain {
		c.rechecked = now
	}
	return list, nil
}

// readCompetitors reads the competitors whose items have sort keys within [from, to], by id.
func (s *Store) readCompetitors(ctx context.Context, from, to string, consistent bool) (map[string]Competitor, error) {
	list := map[string]Competitor{}
	err := s.query(ctx, CompetitorsPartition(), from, to, queryOptions{consistent: consistent}, func(it item) (bool, error) {
		id, isHealth := strings.CutSuffix(text(it, AttrSK), healthSuffix)
		one, known := list[id]
		if !known {
			one.LastReceivedAt = price.NoTime
			one.LastObservedAt = price.NoTime
		}
		var err error
		if isHealth {
			one.LastReceivedAt, one.LastObservedAt, err = decodeHealth(it)
		} else {
			one.Competitor, err = decodeCompetitor(id, it)
		}
		list[id] = one
		return true, err
	})
	maps.DeleteFunc(list, func(_ string, one Competitor) bool { return one.ID == "" }) // health without a competitor
	return list, err
}

// FindCompetitor reads one competitor, strongly consistent. One that is not registered is a NotFound fault.
func (s *Store) FindCompetitor(ctx context.Context, id string) (Competitor, error) {
	list, err := s.readCompetitors(ctx, id, id+healthSuffix, true) // no other id sorts between the two
	if err != nil {
		return Competitor{}, fmt.Errorf("find competitor: %w", err)
	}
	c, ok := list[id]
	if !ok {
		return Competitor{}, fault.New(fault.NotFound, fault.CodeUnknownCompetitor, "No competitor "+id+" is registered.")
	}
	return c, nil
}

// PutCompetitor stores a competitor and says whether it is new. One too many is an Invalid fault. Those that are there are counted
// before a new one is put, so several that are put at the same moment may pass the limit together: it bounds a cost, and a few
// more cost little.
func (s *Store) PutCompetitor(ctx context.Context, c price.Competitor) (isNew bool, err error) {
	_, err = s.find(ctx, CompetitorsPartition(), c.ID, true)
	if fault.Is(err, fault.NotFound) {
		err = s.checkRoom(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("put competitor: %w", err)
	}
	old, err := s.put(ctx, competitorItem(c))
	if err != nil {
		return false, fmt.Errorf("put competitor: %w", err)
	}
	s.competitors.mu.Lock()
	s.competitors.list = nil // this process at least sees its own write at once
	s.competitors.mu.Unlock()
	return old == nil, nil
}

// checkRoom refuses one more competitor when there are as many as there may be.
func (s *Store) checkRoom(ctx context.Context) error {
	list, err := s.ListCompetitors(ctx)
	if err == nil && len(list) >= MaxCompetitors {
		return fault.New(fault.Invalid, fault.CodeTooManyCompetitors,
			fmt.Sprintf("%d competitors are registered, as many as there may be. Those can be changed.", len(list)))
	}
	return err
}

func competitorItem(c price.Competitor) item {
	status := "active"
	if !c.Active {
		status = "inactive"
	}
	it := key(CompetitorsPartition(), c.ID)
	for name, value := range map[string]string{
		AttrName: c.Name, AttrKind: c.Kind.String(), AttrDomain: c.Domain, AttrCountry: c.Country,
		AttrCurrency: c.DefaultCurrency, AttrFreshFor: price.FormatDuration(c.FreshFor), AttrStatus: status,
	} {
		if value != "" {
			it[name] = str(value)
		}
	}
	return it
}

func decodeCompetitor(id string, it item) (price.Competitor, error) {
	kind, ok := price.ParseCompetitorKind(text(it, AttrKind))
	if !ok {
		return price.Competitor{}, fmt.Errorf("competitor %s: unknown kind %q", id, text(it, AttrKind))
	}
	freshFor, err := price.ParseDuration(text(it, AttrFreshFor))
	if err != nil {
		return price.Competitor{}, fmt.Errorf("competitor %s: %w", id, err)
	}
	return price.Competitor{
		ID: id, Name: text(it, AttrName), Kind: kind, Domain: text(it, AttrDomain), Country: text(it, AttrCountry),
		DefaultCurrency: text(it, AttrCurrency), FreshFor: freshFor, Active: text(it, AttrStatus) == "active",
	}, nil
}

func decodeHealth(it item) (received, observed price.Timestamp, err error) {
	r, err := integer(it, AttrLastReceived)
	if err != nil {
		return 0, 0, fmt.Errorf("health %s: %w", text(it, AttrSK), err)
	}
	o, err := integer(it, AttrLastObserved)
	if err != nil {
		return 0, 0, fmt.Errorf("health %s: %w", text(it, AttrSK), err)
	}
	return price.Timestamp(r), price.Timestamp(o), nil
}

// admitCompetitors refuses submissions of competitors that are not registered and active. None is refused because of a list that
// is older than a second.
func (s *Store) admitCompetitors(ctx context.Context, submissions []price.Submission, verdicts []Verdict) error {
	for _, age := range []time.Duration{competitorAge, recheckAge} {
		certain := age == recheckAge
		list, err := s.cachedCompetitors(ctx, age)
		if err != nil && !fault.Is(err, fault.Unavailable) {
			return err
		}
		refused := false
		for i, sub := range submissions {
			id := sub.Observation.Key.CompetitorID
			switch {
			case verdicts[i].Err != nil || price.Registered(id) || list[id].Active:
			case err != nil:
				verdicts[i].Err = err
			case !certain:
				refused = true
			case list[id].ID != "":
				verdicts[i].Err = unknownCompetitor("The competitor " + id + " is inactive.")
			case price.Reserved(id):
				verdicts[i].Err = unknownCompetitor("No competitor " + id + " is registered; of the reserved names only self-check and own are.")
			default:
				verdicts[i].Err = unknownCompetitor("No competitor " + id + " is registered; PUT /v1/competitors/" + id + " does that.")
			}
		}
		if !refused {
			return nil
		}
	}
	return nil
}

func unknownCompetitor(detail string) error {
	return fault.Fields([]fault.Field{{Pointer: "/competitorId", Code: fault.CodeUnknownCompetitor, Detail: detail}})
}

// noteHealth records, to the minute, that something was received from competitors' feeds. It makes at most one attempt a minute,
// process and competitor, and none when the list already shows this minute. This is a hint for people, so its failure is no
// failure of the request.
func (s *Store) noteHealth(ctx context.Context, parts []*part, received price.Timestamp) {
	minute := func(t price.Timestamp) price.Timestamp { return t - t%60_000 }
	heard := map[string]price.Timestamp{}
	for _, p := range parts {
		for _, in := range p.in {
			heard[in.Key.CompetitorID] = max(heard[in.Key.CompetitorID], minute(in.Observation.ObservedAt))
		}
	}
	now := minute(received)
	c := &s.competitors
	c.mu.Lock()
	for id, observed := range heard {
		one, ok := c.list[id]
		if !ok || one.LastReceivedAt >= now {
			delete(heard, id)
			continue
		}
		one.LastReceivedAt = now
		one.LastObservedAt = max(one.LastObservedAt, observed)
		heard[id] = one.LastObservedAt
		c.list = maps.Clone(c.list) // readers hold the old one
		c.list[id] = one
	}
	c.mu.Unlock()
	ids := slices.Sorted(maps.Keys(heard))
	eachOf(len(ids), s.width, func(i int) {
		// Neither moment goes back: another process may have noted more than the list shows. An error is counted, and that is all.
		_, _, _ = s.update(ctx, "note health", &dynamodb.UpdateItemInput{
			Key:                       key(CompetitorsPartition(), ids[i]+healthSuffix),
			UpdateExpression:          aws.String("SET r = :r, o = :o"),
			ConditionExpression:       aws.String("attribute_not_exists(r) OR r <= :r AND o <= :o AND (r < :r OR o < :o)"),
			ExpressionAttributeValues: item{":r": number(int64(now)), ":o": number(int64(heard[ids[i]]))},
		})
	})
}

// ListCompetitors reads all registered competitors by id, without the cache, for people who administer them.
func (s *Store) ListCompetitors(ctx context.Context) (map[string]Competitor, error) {
	return s.cachedCompetitors(ctx, 0)
}

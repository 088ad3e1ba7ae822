package apigateway

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"pricing/samkit/local/samtemplate"
)

// limits holds the token buckets and quotas of one gateway.
type limits struct {
	stage   map[*samtemplate.Method]*rate.Limiter
	account *rate.Limiter

	mu      sync.Mutex
	clients map[string]*rate.Limiter // by plan, key and, where the plan says so, method
	used    map[string]*usage        // by plan and key
}

// usage counts a key's requests in the quota's current period.
type usage struct {
	period time.Time
	count  int
}

func newLimits(api *samtemplate.API) *limits {
	l := &limits{stage: map[*samtemplate.Method]*rate.Limiter{}, account: rate.NewLimiter(accountRate, accountBurst),
		clients: map[string]*rate.Limiter{}, used: map[string]*usage{}}
	for i := range api.Methods {
		m := &api.Methods[i]
		if s, ok := settingOf(api.Settings, m); ok {
			l.stage[m] = bucket(s.Rate, s.Burst)
		}
	}
	return l
}

// bucket makes a token bucket; nil if nothing is limited. A rate of 0 lets nothing through.
func bucket(perSecond *float64, burst *int) *rate.Limiter {
	if perSecond == nil && burst == nil {
		return nil
	}
	limit, size := rate.Limit(accountRate), accountBurst
	if perSecond != nil {
		limit = rate.Limit(*perSecond)
	}
	if burst != nil {
		size = *burst
	}
	if limit == 0 {
		size = 0
	}
	return rate.NewLimiter(limit, size)
}

// settingOf finds the most specific stage setting of a method. Each method has a bucket of its own, also when the
// setting is for all of them.
func settingOf(settings []samtemplate.MethodSetting, m *samtemplate.Method) (found samtemplate.MethodSetting, ok bool) {
	best := -1
	for _, s := range settings {
		exact := s.Path == settingPath(m.Path)
		if !exact && s.Path != "/*" && s.Path != "*" || s.Method != "*" && s.Method != m.HTTPMethod {
			continue
		}
		score := 0
		if exact {
			score += 2
		}
		if s.Method != "*" {
			score++
		}
		if score > best {
			found, ok, best = s, true, score
		}
	}
	return found, ok
}

// settingPath spells a path as stage settings do: a slash, then the path with its own slashes encoded.
func settingPath(path string) string {
	if path == "/" {
		return path
	}
	return "/" + strings.ReplaceAll(path, "/", "~1")
}

// checkLimits checks the API key where the method needs one, and throttles: by usage plan, then stage, then account.
func (x *exchange) checkLimits() bool {
	if x.route.NeedsKey && !x.checkKey() {
		return false
	}
	now := x.g.o.Now()
	if l := x.g.limits.stage[x.route]; l != nil && !l.AllowN(now, 1) {
		return x.refuse("THROTTLED", "",
			fmt.Sprintf("the stage's throttle of this method is used up (%v a second, %d at once)", l.Limit(), l.Burst()))
	}
	if !x.g.limits.account.AllowN(now, 1) {
		return x.refuse("THROTTLED", "", "the account's throttle is used up")
	}
	return true
}

// checkKey finds the API key and its usage plan, throttles by the plan and counts for its quota.
func (x *exchange) checkKey() bool {
	api := x.g.o.API
	value, from := x.r.Header.Get("X-Api-Key"), "the header x-api-key"
	if api.KeySource == "AUTHORIZER" {
		value, from = x.usageKey, "the authorizer's usageIdentifierKey"
	}
	if value == "" {
		return x.refuse("INVALID_API_KEY", "", from+" is missing")
	}
	at := slices.IndexFunc(api.Keys, func(k samtemplate.APIKey) bool { return k.Value == value })
	if at < 0 {
		return x.refuse("INVALID_API_KEY", "", from+" is not a key of the template")
	}
	key := &api.Keys[at]
	if !key.Enabled {
		return x.refuse("INVALID_API_KEY", "", "the API key "+key.LogicalID+" is disabled")
	}
	at = slices.IndexFunc(api.Plans, func(p samtemplate.UsagePlan) bool { return slices.Contains(key.Plans, p.LogicalID) })
	if at < 0 {
		return x.refuse("INVALID_API_KEY", "", "the API key "+key.LogicalID+" is in no usage plan of this stage")
	}
	plan := &api.Plans[at]
	x.apiKey = key
	now := x.g.o.Now()
	l := x.g.limits.client(plan, key, x.route)
	throttled := l != nil && !l.AllowN(now, 1)
	counted := throttled && !throttledCountsForQuota || x.g.limits.count(plan, key, now)
	if throttled {
		return x.refuse("THROTTLED", "",
			fmt.Sprintf("the throttle of the usage plan %s is used up (%v a second, %d at once)", plan.LogicalID, l.Limit(), l.Burst()))
	}
	if !counted {
		return x.refuse("QUOTA_EXCEEDED", "",
			fmt.Sprintf("the quota of the usage plan %s is used up (%d a %s)", plan.LogicalID, plan.Quota, strings.ToLower(plan.Period)))
	}
	return true
}

// client returns a key's bucket in a plan; an entry for the method has one of its own.
func (l *limits) client(plan *samtemplate.UsagePlan, key *samtemplate.APIKey, m *samtemplate.Method) *rate.Limiter {
	perSecond, burst, name := plan.Rate, plan.Burst, plan.LogicalID+"\x00"+key.LogicalID
	if own, ok := plan.Methods[m.Path+"/"+m.HTTPMethod]; ok {
		perSecond, burst, name = own.Rate, own.Burst, name+"\x00"+m.Path+"/"+m.HTTPMethod
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.clients[name]
	if !ok {
		b = bucket(perSecond, burst)
		l.clients[name] = b
	}
	return b
}

// count adds a request to the key's usage and says whether the quota had room for it. A plan's offset counts in the
// first period only.
func (l *limits) count(plan *samtemplate.UsagePlan, key *samtemplate.APIKey, now time.Time) bool {
	if plan.Quota == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := plan.LogicalID + "\x00" + key.LogicalID
	u, ok := l.used[name]
	if !ok {
		u = &usage{count: plan.Offset, period: periodStart(plan.Period, now)}
		l.used[name] = u
	}
	if start := periodStart(plan.Period, now); start.After(u.period) {
		u.period, u.count = start, 0
	}
	if u.count >= plan.Quota {
		return false
	}
	u.count++
	return true
}

// periodStart is the beginning of the quota's period in UTC; weeks begin on Sunday.
func periodStart(period string, now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	switch period {
	case "MONTH":
		d = 1
	case "WEEK":
		d -= int(now.UTC().Weekday())
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

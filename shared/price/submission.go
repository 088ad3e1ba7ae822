package price

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Clock is what the rules about time are judged by: when the request was received and how long observations are kept.
type Clock struct {
	Now       Timestamp
	Retention time.Duration
}

// futureTolerance is how far a source's clock may be ahead of ours.
const futureTolerance = 5 * time.Minute

// Submission is an observation as a client sent it.
type Submission struct {
	ItemID      string
	GTIN        GTIN // set only when no productId was sent; the product is looked up at receipt
	Observation Observation
	Writer      Writer // who sends it

	sent lookup // where its members stood
}

// Pointer returns where in the request a member of the observation stood, or would have stood: under its batch's
// defaults if it was taken from there. member is a pointer into the observation, such as "/source/kind".
func (s Submission) Pointer(member string) string {
	name, below, _ := strings.Cut(strings.TrimPrefix(member, "/"), "/")
	if below != "" {
		below = "/" + below
	}
	return s.sent.member(name).Pointer + below
}

// The members of an observation, as sent. itemId is allowed in a batch only.
var (
	observationFields = []string{
		"productId", "gtin", "competitorId", "sellerId", "region", "itemCondition", "audience", "availability", "price", "shipping",
		"listPrice", "priceType", "promotion", "url", "source", "observedAt",
	}
	batchFields   = append([]string{"itemId"}, observationFields...)
	defaultFields = observationFields[2:] // not productId and gtin
)

// CheckDefaults reports, as faults of the whole request, members of a batch's defaults that are unknown, repeated or
// not allowed there (productId, gtin, itemId), or that it is no object. Values are judged where an item uses them.
func CheckDefaults(defaults jsondoc.Value) {
	if !defaults.Absent() {
		defaults.Object(defaultFields...)
	}
}

// ReadSubmission reads one observation as sent and adds every broken rule to the values' reader. A top-level member
// that item lacks is taken from defaults, pointers then name the defaults; an item's own null is present. Optional
// members may be null.
func ReadSubmission(item, defaults jsondoc.Value, inBatch bool, c Clock) Submission {
	fields := observationFields
	if inBatch {
		fields = batchFields
	}
	members, ok := item.Object(fields...)
	if !ok {
		return Submission{}
	}
	f := lookup{item: members, defaults: defaults.Members()}
	s := Submission{sent: f}
	o := &s.Observation
	s.ItemID = freeText(members.Optional("itemId").NotNull(), 1, 128)
	f.product(&s)
	o.Key.CompetitorID = id(f.required("competitorId"), CheckCompetitorID, "2 to 40 of a-z, 0-9 and -")
	o.Key.SellerID = freeText(f.optional("sellerId"), 1, 128)
	o.Key.Region = id(f.optional("region"), checkRegion, "1 to 16 letters, digits and -")
	o.Key.Condition = word[Condition](f.optional("itemCondition"), conditions)
	o.Key.Audience = word[Audience](f.optional("audience"), audiences)
	o.Terms = f.terms()
	o.URL = freeText(f.optional("url"), 0, 512)
	o.Source = f.source()
	o.ObservedAt = observedAt(f.required("observedAt"), c)
	return s
}

// lookup looks a member up in the item, then in the defaults.
type lookup struct{ item, defaults jsondoc.Members }

func (f lookup) member(name string) jsondoc.Value {
	if v := f.item.Optional(name); !v.Absent() {
		return v
	}
	if v := f.defaults.Optional(name); !v.Absent() {
		return v
	}
	return f.item.Optional(name)
}

// optional returns a member, absent if it is null.
func (f lookup) optional(name string) jsondoc.Value { return f.member(name).NotNull() }

// required returns a member and reports its absence.
func (f lookup) required(name string) jsondoc.Value {
	if v := f.member(name); !v.Absent() {
		return v
	}
	return f.item.Required(name)
}

func (f lookup) product(s *Submission) {
	productID, gtin := f.item.Optional("productId"), f.item.Optional("gtin").NotNull()
	if productID.Absent() && gtin.Absent() {
		f.item.Optional("productId").Fault(fault.CodeMissingField, "One of \"productId\" and \"gtin\" is required.")
		return
	}
	s.Observation.Key.ProductID = id(productID, CheckProductID, "1 to 64 letters, digits and . _ -")
	if text, ok := gtin.String(); ok {
		g, wrong := ParseGTIN(text)
		if wrong != nil {
			gtin.Fault(wrong.Code, wrong.Detail)
		}
		if productID.Absent() {
			s.GTIN = g
		}
	}
}

func (f lookup) terms() Terms {
	var t Terms
	availability := f.required("availability")
	t.Availability = word[Availability](availability, availabilities)
	amounts := []struct {
		value jsondoc.Value
		to    *Money
	}{{f.required("price"), &t.Price}, {f.optional("shipping"), &t.Shipping}, {f.optional("listPrice"), &t.ListPrice}}
	price := amounts[0].value
	if !price.Absent() && price.Null() {
		if _, ok := availability.String(); ok && !t.Availability.PriceOptional() {
			price.Fault(fault.CodePriceRequired, "The price may be null only with OutOfStock, SoldOut or Discontinued.")
		}
	}
	currency := ""
	for _, a := range amounts {
		var of string
		*a.to, of = money(a.value.NotNull())
		switch {
		case of == "":
		case currency == "":
			currency = of
		case currency != of:
			a.value.Child("currency").Fault(fault.CodeCurrencyMismatch,
				"All amounts of an observation share one currency; this is "+of+", not "+currency+".")
		}
	}
	t.PriceType = word[PriceType](f.optional("priceType"), priceTypes)
	t.Promotion = promotion(f.optional("promotion"))
	return t
}

func (f lookup) source() Source {
	s := Source{Confidence: NoConfidence}
	m, ok := f.required("source").Object("id", "kind", "confidence")
	if !ok {
		return s
	}
	s.ID = id(m.Required("id"), CheckProductID, "1 to 64 letters, digits and . _ -")
	s.Kind = word[SourceKind](m.Required("kind"), sourceKinds)
	confidence := m.Optional("confidence").NotNull()
	if text, ok := confidence.String(); ok {
		c, ok := ParseConfidence(text)
		if !ok {
			confidence.Fault(fault.CodeInvalidField, show(text)+" is not a number from \"0\" to \"1\" with at most 4 decimals.")
			return s
		}
		s.Confidence = c
	}
	return s
}

// money reads an amount, and its currency by itself: that is known even where the amount is wrong.
func money(v jsondoc.Value) (m Money, currency string) {
	members, ok := v.Object("amount", "currency")
	if !ok {
		return Money{}, ""
	}
	amount, ok := members.Required("amount").String()
	currency, ok2 := members.Required("currency").String()
	if !ok || !ok2 {
		return Money{}, ""
	}
	m, wrong := ParseMoney(amount, currency)
	if wrong != nil {
		members.Optional(wrong.Pointer[1:]).Fault(wrong.Code, wrong.Detail)
		if wrong.Code == fault.CodeCurrencyUnknown {
			currency = ""
		}
	}
	return m, currency
}

func promotion(v jsondoc.Value) Promotion {
	m, ok := v.Object("label", "validThrough", "minQuantity")
	if !ok {
		return Promotion{}
	}
	p := Promotion{Present: true, Label: freeText(m.Optional("label").NotNull(), 0, 120), ValidThrough: NoTime}
	if through := m.Optional("validThrough").NotNull(); !through.Null() {
		p.ValidThrough = timestamp(through)
	}
	quantity := m.Optional("minQuantity").NotNull()
	if text, ok := quantity.Number(); ok {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil && strings.ContainsAny(text, ".eE"):
			quantity.Fault(fault.CodeWrongType, "Must be a whole number without point or exponent.")
		case err != nil || n < 1 || n > 1_000_000_000:
			quantity.Fault(fault.CodeInvalidField, "Must be from 1 to 1000000000.")
		}
		p.MinQuantity = n
	}
	return p
}

func timestamp(v jsondoc.Value) Timestamp {
	text, ok := v.String()
	if !ok {
		return NoTime
	}
	t, err := ParseTimestamp(text)
	if err != nil {
		v.Fault(fault.CodeTimestampInvalid, show(text)+" "+err.Error()+".")
		return NoTime
	}
	return t
}

func observedAt(v jsondoc.Value, c Clock) Timestamp {
	t := timestamp(v)
	switch {
	case t == NoTime:
	case t > c.Now.Add(futureTolerance):
		v.Fault(fault.CodeObservedInFuture, t.String()+" is more than 5 minutes after "+c.Now.String()+", when this was received.")
	case t < c.Now.Add(-c.Retention):
		v.Fault(fault.CodeObservedTooOld, t.String()+" is older than the "+strconv.Itoa(int(c.Retention/(24*time.Hour)))+" days that are kept.")
	}
	return t
}

// word reads one of a list of words; absent is the first.
func word[T ~uint8](v jsondoc.Value, words []string) T {
	text, ok := v.String()
	if !ok {
		return 0
	}
	t, ok := parseWord[T](words, text)
	if !ok {
		v.Fault(fault.CodeInvalidField, show(text)+" is not one of "+strings.Join(words, ", ")+".")
	}
	return t
}

// id reads a text of a closed alphabet.
func id(v jsondoc.Value, valid func(string) bool, rule string) string {
	text, ok := v.String()
	if ok && !valid(text) {
		v.Fault(fault.CodeInvalidField, show(text)+" must be "+rule+".")
	}
	return text
}

// freeText reads human text of least to most bytes, in Unicode's NFC and without control characters: two spellings of
// one text would be two offers.
func freeText(v jsondoc.Value, least, most int) string {
	text, ok := v.String()
	switch {
	case !ok:
	case len(text) < least || len(text) > most:
		v.Fault(fault.CodeInvalidField, "Must be "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+" bytes long, not "+strconv.Itoa(len(text))+".")
	case strings.ContainsFunc(text, isControl):
		v.Fault(fault.CodeInvalidField, show(text)+" holds a control character.")
	case !ascii(text) && !norm.NFC.IsNormalString(text):
		v.Fault(fault.CodeInvalidField, show(text)+" is not in Unicode normalization form C.")
	}
	return text
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// CheckProductID reports whether s can be a productId: [A-Za-z0-9._-]{1,64}.
func CheckProductID(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && every(s, func(c byte) bool { return letter(c) || digit(c) || c == '.' || c == '_' || c == '-' })
}

// CheckCompetitorID reports whether s can be a competitorId: [a-z0-9-]{2,40}.
func CheckCompetitorID(s string) bool {
	return len(s) >= 2 && len(s) <= 40 && every(s, func(c byte) bool { return c >= 'a' && c <= 'z' || digit(c) || c == '-' })
}

func checkRegion(s string) bool {
	return len(s) >= 1 && len(s) <= 16 && every(s, func(c byte) bool { return letter(c) || digit(c) || c == '-' })
}

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

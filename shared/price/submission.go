package price

import (
	"slices"
	"strconv"
	"strings"
	"time"

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
	return s.sent.member(name).Pointer() + below
}

// The members of an observation, as sent. itemId is allowed in a batch only.
var (
	observationFields = []string{
		"productId", "gtin", "competitorId", "sellerId", "region", "itemCondition", "audience", "availability", "price", "shipping",
		"listPrice", "priceType", "promotion", "url", "source", "observedAt",
	}
	batchFields    = append([]string{"itemId"}, observationFields...)
	defaultFields  = observationFields[2:] // not productId and gtin
	requiredFields = []string{"competitorId", "availability", "price", "source", "observedAt"}
	objectFields   = []string{"price", "shipping", "listPrice", "promotion", "source"} // the others are texts
)

// CheckDefaults reports, as faults of the whole request, members of a batch's defaults that are unknown, repeated or
// not allowed there (productId, gtin, itemId), or that it is no object. Values are judged where an item uses them.
func CheckDefaults(defaults jsondoc.Value) {
	defaults.Object(defaultFields...)
}

// ReadSubmission reads one observation as sent and adds every broken rule to the values' reader. A top-level member
// that item lacks is taken from defaults, pointers then name the defaults. An optional member that is empty ("" or {}) is
// the same as one that is absent. It may also be null, which is present: the default does not count then.
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
	s.ItemID = freeText(optionalText(members, "itemId"), maxItemID)
	f.product(&s)
	o.Key.CompetitorID = id(f.required("competitorId"), CheckCompetitorID, CompetitorRule)
	seller := f.optional("sellerId")
	o.Key.SellerID = checked(seller, SellerFault)
	if o.Key.CompetitorID == Own && o.Key.SellerID != "" {
		seller.Fault(fault.CodeInvalidField, OwnSellerFault)
	}
	o.Key.Region = checked(f.optional("region"), RegionFault)
	o.Key.Condition = word[Condition](f.optional("itemCondition"), conditions)
	o.Key.Audience = word[Audience](f.optional("audience"), audiences)
	o.ObservedAt = observedAt(f.required("observedAt"), c)
	o.Terms = f.terms(o.ObservedAt)
	o.URL = checked(f.optional("url"), urlFault)
	o.Source = f.source()
	return s
}

// lookup looks a member up in the item, then in the defaults.
type lookup struct{ item, defaults jsondoc.Members }

func (f lookup) member(name string) jsondoc.Value {
	for _, from := range []jsondoc.Members{f.item, f.defaults} {
		v := from.Optional(name)
		if !slices.Contains(requiredFields, name) {
			v = v.NotEmpty(kindOf(name))
		}
		if !v.Absent() {
			return v
		}
	}
	return f.item.Child(name)
}

func kindOf(name string) jsondoc.Kind {
	if slices.Contains(objectFields, name) {
		return jsondoc.Object
	}
	return jsondoc.String
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
	productID := f.item.Optional("productId").NotEmpty(jsondoc.String)
	gtin := optionalText(f.item, "gtin")
	if productID.Absent() && gtin.Absent() {
		f.item.Optional("productId").Fault(fault.CodeMissingField, "One of \"productId\" and \"gtin\" is required.")
		return
	}
	s.Observation.Key.ProductID = id(productID, CheckProductID, ProductRule)
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

func (f lookup) terms(at Timestamp) Terms {
	var t Terms
	var known bool
	t.Availability, known = knownWord[Availability](f.required("availability"), availabilities)
	amounts := []struct {
		value jsondoc.Value
		to    *Money
	}{{f.required("price"), &t.Price}, {f.optional("shipping"), &t.Shipping}, {f.optional("listPrice"), &t.ListPrice}}
	price := amounts[0].value
	if !price.Absent() && price.Null() && known && !t.Availability.PriceOptional() {
		price.Fault(fault.CodePriceRequired, "The price may be null only with OutOfStock, SoldOut or Discontinued.")
	}
	currency := ""
	for _, a := range amounts {
		var of string
		*a.to, of = money(a.value.NotNull(), at)
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
	m, _ := f.required("source").Object("id", "kind", "confidence")
	s := Source{
		ID:         id(m.Required("id"), checkSourceID, sourceRule),
		Kind:       word[SourceKind](m.Required("kind"), sourceKinds),
		Confidence: NoConfidence,
	}
	confidence := optionalText(m, "confidence")
	if text, ok := confidence.String(); ok {
		c, ok := ParseConfidence(text)
		if !ok {
			confidence.Fault(fault.CodeInvalidField, jsondoc.Quote(text)+" is not a number from \"0\" to \"1\" with at most 4 decimals.")
			return s
		}
		s.Confidence = c
	}
	return s
}

// money reads an amount, and its currency by itself: that is known even where the amount is wrong.
func money(v jsondoc.Value, at Timestamp) (m Money, currency string) {
	if v.Absent() {
		return Money{}, ""
	}
	members, _ := v.Object("amount", "currency")
	amount, ok := members.Required("amount").String()
	currency, ok2 := members.Required("currency").String()
	if !ok || !ok2 {
		return Money{}, ""
	}
	m, wrong := ParseMoney(amount, currency, at)
	if wrong != nil {
		members.Optional(wrong.Pointer[1:]).Fault(wrong.Code, wrong.Detail)
		if wrong.Code == fault.CodeCurrencyUnknown {
			currency = ""
		}
	}
	return m, currency
}

func promotion(v jsondoc.Value) Promotion {
	if v.Absent() {
		return Promotion{}
	}
	m, _ := v.Object("label", "validThrough", "minQuantity")
	p := Promotion{
		Present:      true,
		Label:        freeText(optionalText(m, "label"), maxLabel),
		ValidThrough: timestamp(optionalText(m, "validThrough")),
	}
	quantity := m.Optional("minQuantity").NotNull()
	if text, ok := quantity.Number(); ok {
		n, _ := strconv.ParseInt(text, 10, 64) // or the greatest number
		switch {
		case strings.ContainsAny(text, ".eE"):
			quantity.Fault(fault.CodeWrongType, "Must be a whole number without point or exponent.")
		case n < 1 || n > 1_000_000_000:
			quantity.Fault(fault.CodeInvalidField, "Must be from 1 to 1000000000.")
		}
		p.MinQuantity = n
	}
	if p == (Promotion{Present: true, ValidThrough: NoTime}) { // all its members are absent
		return Promotion{}
	}
	return p
}

// optionalText returns a text's member, absent if it is null or empty.
func optionalText(m jsondoc.Members, name string) jsondoc.Value {
	return m.Optional(name).NotEmpty(jsondoc.String).NotNull()
}

func timestamp(v jsondoc.Value) Timestamp {
	text, ok := v.String()
	if !ok {
		return NoTime
	}
	t, err := ParseTimestamp(text)
	if err != nil {
		v.Fault(fault.CodeTimestampInvalid, jsondoc.Quote(text)+" "+err.Error()+".")
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
	t, _ := knownWord[T](v, words)
	return t
}

// knownWord is word; ok is false if v holds no such word.
func knownWord[T ~uint8](v jsondoc.Value, words []string) (t T, ok bool) {
	text, ok := v.String()
	if !ok {
		return 0, false
	}
	if t, ok = parseWord[T](words, text); !ok {
		v.Fault(fault.CodeInvalidField, jsondoc.Quote(text)+" is not one of "+strings.Join(words, ", ")+".")
	}
	return t, ok
}

// id reads a text of a closed alphabet.
func id(v jsondoc.Value, valid func(string) bool, rule string) string {
	text, ok := v.String()
	if ok && !valid(text) {
		v.Fault(fault.CodeInvalidField, jsondoc.Quote(text)+" must be "+rule+".")
	}
	return text
}

// freeText reads a text that people write, of at most so many bytes.
func freeText(v jsondoc.Value, most int) string {
	return checked(v, func(text string) string { return textFault(text, most) })
}

// checked reads a text; wrong says in a sentence what is wrong with it, or nothing. A text that is wrong is not handed on, since
// an itemId is sent back.
func checked(v jsondoc.Value, wrong func(string) string) string {
	text, ok := v.String()
	if !ok {
		return ""
	}
	if detail := wrong(text); detail != "" {
		v.Fault(fault.CodeInvalidField, detail)
		return ""
	}
	return text
}

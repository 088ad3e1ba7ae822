package mapping

import (
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// The constants of a mapping are judged when it is loaded, by the API's own rules: a wrong word would refuse every row.

// judged adds what the API says of a value, if it says anything.
func (d *decoder) judged(line int, where, detail string) {
	if detail != "" {
		d.wrong(line, "%s: %s", where, strings.TrimSuffix(detail, "."))
	}
}

// constantFault is what the API says of a field whose text is a constant, "" if it takes it. Amounts and times are not judged here.
func constantFault(field, text string) string {
	switch field {
	case "currency": // on what day it was one is not known
		return observationFaults(object("price", texts("amount", "0", "currency", text)))["/price/currency"]
	case "promotion.label":
		return observationFaults(object("promotion", texts("label", text)))["/promotion/label"]
	case "promotion.minQuantity":
		number := jsondoc.Member{Name: "minQuantity", Value: jsondoc.Node{Kind: jsondoc.Number, Text: text}}
		return observationFaults(object("promotion", []jsondoc.Member{number}))["/promotion/minQuantity"]
	default:
		return observationFaults(texts(field, text)[0])["/"+field]
	}
}

// observationFaults is what the API says of an observation with these members, by the pointer to what it says it of.
func observationFaults(members ...jsondoc.Member) map[string]string {
	var r jsondoc.Reader
	doc := object("", members).Value
	price.ReadSubmission(r.At(&doc, ""), jsondoc.Value{}, true, price.Clock{})
	return details(r.Err())
}

// competitorFaults is what the API says of a competitor with these members.
func competitorFaults(members []jsondoc.Member) map[string]string {
	var r jsondoc.Reader
	doc := object("", members).Value
	price.ReadCompetitor("any", r.At(&doc, ""), price.NoTime)
	return details(r.Err())
}

func details(err error) map[string]string {
	all := map[string]string{}
	if err == nil {
		return all
	}
	for _, f := range fault.Of(err).Fields {
		all[f.Pointer] = f.Detail
	}
	return all
}

// object is a member that is an object.
func object(name string, members []jsondoc.Member) jsondoc.Member {
	return jsondoc.Member{Name: name, Value: jsondoc.Node{Kind: jsondoc.Object, Members: members}}
}

// texts are members that are texts, from names and texts in turn. Those that are empty are left out.
func texts(pairs ...string) []jsondoc.Member {
	var all []jsondoc.Member
	name := ""
	for i, text := range pairs {
		switch {
		case i%2 == 0:
			name = text
		case text != "":
			all = append(all, jsondoc.Member{Name: name, Value: jsondoc.Node{Kind: jsondoc.String, Text: text}})
		}
	}
	return all
}

package board

import (
	"bytes"
	"cmp"

	"pricing/shared/price"
)

// URLName names a url of an offer: the first 8 bytes of a SHA-256 over the offer key's parts and the url. The url itself stands
// beside the board under this name. The zero value means none.
type URLName [8]byte

// NameURL returns the name of an offer's url. Of no url that is the zero value.
func NameURL(key price.OfferKey, url string) (n URLName) {
	if url != "" {
		sum := price.Hash(key, url)
		copy(n[:], sum[:])
	}
	return n
}

// URL says which url an offer has: that of its newest observation that carried one. A url is no part of an observation's
// content, so a repetition may carry another: of two for one observation the one with the greater name counts. So the url
// depends on what was sent, and not on the order in which it arrived.
type URL struct {
	Name   URLName
	Of     Order   // of the observation that carried it
	Before URLName // the offer's url before this one; its entry goes when the next one comes
}

// Carry returns the offer's url when an observation carried one as well.
func (u URL) Carry(key price.OfferKey, of Order, name URLName) URL {
	switch {
	case name == URLName{}:
		return u
	case u.Name != URLName{} && cmp.Or(of.Compare(key, u.Of), bytes.Compare(name[:], u.Name[:])) <= 0:
		return u
	}
	u.Name = name
	u.Of = of
	return u
}

// change returns what has to change beside the board when an offer's url goes from stored to u, and u as the board keeps it.
func (u URL) change(stored URL, url string) (URL, URLChange) {
	u.Before = stored.Name
	c := URLChange{Add: u.Name, URL: url}
	if stored.Before != u.Name {
		c.Remove = stored.Before
	}
	return u, c
}

// URLChange is what a write has to change beside the board, before the board itself: add an entry, and remove one that no
// board names any more.
type URLChange struct {
	Add    URLName
	URL    string  // that Add names
	Remove URLName // zero: nothing
}

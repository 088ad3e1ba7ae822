package board_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// golden is a board that has every part of the stored form. With a state it needs format 2.
func golden(state board.State) board.Board {
	b := board.New(product)
	b.Version = 11
	b.Grown = 37
	b.Flushed = at(-60 * 24 * 30)
	b.Late = at(-60 * 24 * 35)
	b.Dropped = at(-60 * 24 * 37)
	b.Marks[3] = board.Mark{0xde, 0xad, 0xbe, 0xef}
	b.Marks[2] = board.Mark{1, 2, 3, 4}
	retailer := seen("bigmart", at(0), 1995).Observation
	retailer.Terms.Shipping = usd(299)
	retailer.Terms.ListPrice = usd(2900)
	retailer.Terms.PriceType = price.PriceTypePromotional
	retailer.Terms.Promotion = price.Promotion{Present: true, Label: "Sommer", ValidThrough: at(60 * 24 * 25), MinQuantity: 2}
	retailer.Source.Confidence = 9700
	retailer.Client = "crawler-a" // named like its source, the others not, and the seller's is not known
	older := retailer
	older.ObservedAt = at(-60)
	older.ReceivedAt = at(-59)
	older.Terms = price.Terms{Availability: price.AvailabilitySoldOut, Promotion: price.Promotion{Present: true, ValidThrough: price.NoTime}}
	older.Source = price.Source{ID: "vendor-c", Kind: price.SourceVendor, Confidence: price.NoConfidence}
	older.Client = "agency"
	older.State = state
	oldest := older
	oldest.ObservedAt = at(-120)
	oldest.ReceivedAt = at(-100)
	oldest.Client = "night-run"
	oldest.State = 0
	b.Offers = append(b.Offers, board.Offer{Key: key("bigmart"), Current: retailer, FirstSeen: at(-60 * 24 * 40), RunStart: at(0),
		Previous: board.Previous{At: at(-60)}, Tail: []board.Observation{retailer, older, oldest},
		URL: board.URL{Name: board.NameURL(key("bigmart"), "https://bigmart.example/p/77"), Of: retailer.Order(),
			Before: board.NameURL(key("bigmart"), "https://bigmart.example/p/76")}})

	plain := seen("own", at(1), 1990).Observation // nothing of it is out of the ordinary
	b.Offers = append(b.Offers, board.Offer{Key: key("own"), Current: plain, FirstSeen: at(1), RunStart: at(1),
		Previous: board.Previous{At: price.NoTime}})

	seller := seen("shopx", price.At(time.Date(1999, 12, 31, 23, 59, 59, 1e6, time.UTC)), 3000).Observation
	seller.Terms.Price = price.Money{Minor: 3000, Currency: "JPY"}
	seller.Terms.Availability = price.AvailabilityLimitedAvailability
	seller.Source = price.Source{ID: "feed-b", Kind: price.SourceFeed, Confidence: 0}
	k := key("shopx")
	k.SellerID = "Otto & Söhne|100 %"
	k.Condition = price.ConditionUsed
	k.Audience = price.AudienceSignedIn
	k.Region = "DE"
	run := seller.ObservedAt.Add(-48 * time.Hour)
	b.Offers = append(b.Offers, board.Offer{Key: k, Current: seller, FirstSeen: run.Add(-time.Hour), RunStart: run,
		Previous: board.Previous{At: run, Price: usd(5)},
		URL:      board.URL{Name: board.NameURL(k, "https://shopx.example/a?b=c"), Of: board.Order{At: run, Confidence: 9700, Source: "feed-b"}}})
	return b
}

// The golden bytes. They are stored in tables: a change here is a break of what is there.
var (
	goldenTexts = map[string]string{
		"bigmart":                             "19.95 USD|2.99|I|260706T090000.000",
		"own":                                 "19.90 USD|-|I|260706T090100.000",
		"shopx|Otto & Söhne%7C100 %25|U|s|DE": "3000 JPY|-|L|19991231T235959.001",
	}
	goldenH = map[board.State]string{
		0: "01b817050009637261776c65722d614009637261776c65722d610106666565642d62830876656e646f722d63066167656e63" +
			"79830876656e646f722d63096e696768742d72756e024a5059555344373402d416010f06536f6d6d657280fab6f6f6670201" +
			"e54b00000081dddb010080e39dee0c1409fab107062d70dd9dd6bcb5be4251020000000000560201000080f0b25201020580" +
			"dddb01e1ebfcdb3fc869f180f0b252e54b06666565642d6205073f000000080001030080dddb01889207020480dddb01c094" +
			"8b01000025",
		7: "02b817050009637261776c65722d614009637261776c65722d610106666565642d62830876656e646f722d63066167656e63" +
			"79830876656e646f722d63096e696768742d72756e024a5059555344373402d416010f06536f6d6d657280fab6f6f6670201" +
			"e54b00000081dddb010080e39dee0c1409fab107062d70dd9dd6bcb5be4251020000000000560201000080f0b25201020580" +
			"dddb01e1ebfcdb3fc869f180f0b252e54b06666565642d62050f3f00000008000103000780dddb018892070a040080dddb01" +
			"c0948b01000025",
	}
	goldenSegment = map[board.State]string{
		0: "01808abfeae667b817044009637261776c65722d610106666565642d62830876656e646f722d63066167656e637983087665" +
			"6e646f722d63096e696768742d72756e024a505955534402076269676d61727403073702cb0f02ab0202d416010f06536f6d" +
			"6d657280fab6f6f6670200e54b0000073f000000080001020080dddb01889207020380dddb01c0948b012473686f70787c4f" +
			"74746f20262053c3b6686e65253743313030202532357c557c737c444501070901b817020101e7f4e0deac1800",
		7: "02808abfeae667b817044009637261776c65722d610106666565642d62830876656e646f722d63066167656e637983087665" +
			"6e646f722d63096e696768742d72756e024a505955534402076269676d61727403073702cb0f02ab0202d416010f06536f6d" +
			"6d657280fab6f6f6670200e54b00000f3f00000008000102000780dddb018892070a030080dddb01c0948b012473686f7078" +
			"7c4f74746f20262053c3b6686e65253743313030202532357c557c737c444501070901b817020101e7f4e0deac1800",
	}
)

const goldenW = "000000000000000001020304deadbeef00000000000000000000000000000000"

func TestGolden(t *testing.T) {
	for state, format := range map[board.State]byte{0: 1, 7: 2} {
		b := golden(state)
		p := b.Pack()
		assert.Equal(t, goldenTexts, p.O)
		assert.Equal(t, int64(11), p.V)
		assert.Equal(t, []price.Timestamp{1780736400000, 1780304400000, 1780131600000}, []price.Timestamp{p.F, p.L, p.D})
		assert.Equal(t, goldenW, hex.EncodeToString(p.W))
		assert.Equal(t, goldenH[state], hex.EncodeToString(p.H), "format %d", format)
		assert.Equal(t, format, p.H[0])
		p.H = unhex(t, goldenH[state])
		got, err := board.Unpack(product, board.Shard{}, p)
		require.NoError(t, err)
		requireSame(t, b, got)

		segment := []board.SegmentOffer{
			{Key: b.Offers[0].Key, Observations: b.Offers[0].Tail},
			{Key: b.Offers[2].Key, Observations: []board.Observation{b.Offers[2].Current}},
		}
		assert.Equal(t, goldenSegment[state], hex.EncodeToString(board.PackSegment(segment)), "format %d", format)
		gotSegment, err := board.UnpackSegment(product, unhex(t, goldenSegment[state]))
		require.NoError(t, err)
		assert.Equal(t, segment, gotSegment, "format %d", format)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// TestGolden_Texts: the letters of availability are stored, as are two digits of the years from 2000 to 2099.
func TestGolden_Texts(t *testing.T) {
	for i, letter := range "IOLPBRNTSD" {
		for year, text := range map[int]string{1999: "1999", 2000: "00", 2099: "99", 2100: "2100"} {
			b := board.New(product)
			b.Version = 1
			e := seen("bigmart", price.At(time.Date(year, 7, 6, 9, 0, 0, 0, time.UTC)), 1995).Observation
			e.Terms.Availability = price.Availability(i)
			b.Offers = []board.Offer{{
				Key: key("bigmart"), Current: e, FirstSeen: e.ObservedAt, RunStart: e.ObservedAt, Previous: board.Previous{At: price.NoTime},
			}}
			p := b.Pack()
			assert.Equal(t, map[string]string{"bigmart": "19.95 USD|-|" + string(letter) + "|" + text + "0706T090000.000"}, p.O)
			got, err := board.Unpack(product, board.Shard{}, p)
			require.NoError(t, err)
			requireSame(t, b, got)
		}
	}
}

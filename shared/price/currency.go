package price

import (
	"math"
	"strings"

	"pricing/shared/jsondoc"
)

// The currencies of ISO 4217 list one (SIX, published 2026-01-01) by their number of minor digits. Codes without minor
// units (metals, XDR, XTS, XXX and the like) are not prices and are not listed. Each code takes four bytes, so that a
// search costs no table at start-up. A code that is withdrawn moves to the list of those: prices in it are stored.
const (
	digits0 = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
	digits2 = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE " +
		"CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD " +
		"HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK " +
		"MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD " +
		"RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH " +
		"USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG "
	digits3 = "BHD IQD JOD KWD LYD OMR TND "
	digits4 = "CLF UYW "
)

// withdrawn is ISO 4217 list three (SIX, published 2026-01-01) since 2002: a code, its minor digits, and the month in which
// it was withdrawn. Prices that were seen before the first day of that month may be in it.
const withdrawn = "ADP0 2003-07 AFA2 2003-01 ANG2 2025-03 ATS2 2002-03 AYM2 2005-10 AZM2 2005-12 BEF0 2002-03 BGL2 2003-11 " +
	"BGN2 2026-01 BYR0 2017-01 CHC2 2004-11 CSD2 2006-10 CUC2 2021-06 CYP2 2008-01 DEM2 2002-03 EEK2 2011-01 ESP0 2002-03 " +
	"FIM2 2002-03 FRF2 2002-03 GHC2 2008-01 GHP2 2007-06 GRD0 2002-03 HRK2 2023-01 IEP2 2002-03 ITL0 2002-03 LTL2 2014-12 " +
	"LUF0 2002-03 LVL2 2014-01 MGF0 2004-12 MRO2 2017-12 MTL2 2008-01 MZM2 2006-06 NLG2 2002-03 PTE0 2002-03 ROL2 2005-06 " +
	"RUR2 2004-01 SDD2 2007-07 SIT2 2007-01 SKK2 2009-01 SLL2 2023-12 SRG2 2003-12 STD2 2017-12 TMM2 2009-01 TPE0 2002-11 " +
	"TRL0 2005-12 USS2 2014-03 VEB2 2008-01 VEF2 2018-08 YUM2 2003-07 ZMK2 2012-12 ZWD2 2008-08 ZWL2 2024-09 ZWN2 2006-09 " +
	"ZWR2 2009-06 "

// inUse is the day of withdrawal of a currency that is in use.
const inUse Timestamp = math.MaxInt64

// MinorDigits returns how many decimals a currency has; ok is false for what was none since 2002.
func MinorDigits(currency string) (digits int, ok bool) {
	digits, _, ok = listed(currency)
	return digits, ok
}

// listed returns how many decimals a currency has, and from when on no price may be in it.
func listed(currency string) (digits int, until Timestamp, ok bool) {
	if len(currency) != 3 || !every(currency, func(c byte) bool { return c >= 'A' && c <= 'Z' }) {
		return 0, 0, false
	}
	for _, list := range [...]struct {
		codes  string
		digits int
	}{{digits2, 2}, {digits0, 0}, {digits3, 3}, {digits4, 4}} {
		if strings.Contains(list.codes, currency) {
			return list.digits, inUse, true
		}
	}
	_, entry, ok := strings.Cut(withdrawn, currency)
	if !ok {
		return 0, 0, false
	}
	until, _ = ParseTimestamp(entry[len("2 "):len("2 2026-01")] + "-01T00:00:00Z") // of the list above
	return int(entry[0] - '0'), until, true
}

// digitsAt returns how many decimals a currency has, or says in a sentence why a price of a moment cannot be in it. If the moment
// is not known (NoTime), any that ever was will do.
func digitsAt(currency string, at Timestamp) (digits int, wrong string) {
	digits, until, ok := listed(currency)
	switch {
	case !ok:
		return 0, jsondoc.Quote(currency) + " is not an active ISO 4217 currency code."
	case at >= until:
		return 0, currency + " is valid only for prices observed before " + until.String()[:len("2026-01-01")] + ", when ISO 4217 withdrew it."
	}
	return digits, ""
}

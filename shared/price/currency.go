package price

import "strings"

// The currencies of ISO 4217 list one (SIX, published 2026-01-01) by their number of minor digits. Codes without minor
// units (metals, XDR, XTS, XXX and the like) are not prices and are not listed. Each code takes four bytes, so that a
// search costs no table at start-up. No code is ever removed: prices in it are stored.
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

// MinorDigits returns how many decimals a currency has; ok is false for anything but an active code.
func MinorDigits(currency string) (digits int, ok bool) {
	if len(currency) != 3 || strings.Contains(currency, " ") {
		return 0, false
	}
	for _, list := range [...]struct {
		codes  string
		digits int
	}{{digits2, 2}, {digits0, 0}, {digits3, 3}, {digits4, 4}} {
		if strings.Contains(list.codes, currency+" ") {
			return list.digits, true
		}
	}
	return 0, false
}

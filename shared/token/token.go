// Package token is the form of an API token: how one is minted, recognised and compared, without ever storing it.
//
// A token reads cpi_<environment>_<key id>_<secret>_<checksum>. The fixed prefix lets secret scanners find a leaked
// one, the checksum refuses a mistyped one without asking the store, and the key id finds its record, which holds the
// SHA-256 of the whole token: a 256-bit random secret needs no slow hash. Parts are cut by length from the right, since
// base64url may itself contain an underscore.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// The scopes of the API.
const (
	ScopeIngest    = "ingest"
	ScopeRead      = "read"
	ScopeCatalog   = "catalog"
	ScopeSelfCheck = "self-check" // allows no route: only to write the names of the service's own checks
)

// Scopes lists them all.
var Scopes = []string{ScopeIngest, ScopeRead, ScopeCatalog, ScopeSelfCheck}

// The lengths of a token's parts.
const (
	keyIDLen    = 16
	secretLen   = 43 // 32 bytes in base64url
	checksumLen = 8
)

// Record is what the store keeps of a token.
type Record struct {
	KeyID     string
	Digest    []byte // SHA-256 of the token's text
	Client    string
	Scopes    []string
	Sources   []string // the source ids that it may write as, or their beginnings with * behind; none: any
	NotBefore time.Time
	Expires   time.Time
	Active    bool
	LastUsed  time.Time // to the minute; zero when never
}

// Valid reports whether the record, found by the token's key id, belongs to the token and may be used now.
func (r Record) Valid(t Token, now time.Time) bool { return r.Refusal(t, now) == "" }

// Unknown is the Refusal of a token that nobody has; of any other the record is the token's.
const Unknown = "token-unknown"

// Refusal is why a token is not Valid, for the log alone; empty: it is. Only who has the whole token can bring about any but the first.
func (r Record) Refusal(t Token, now time.Time) string {
	same := subtle.ConstantTimeCompare(r.Digest, t.Digest()) == 1
	switch {
	case !same: // the key id is unknown, or the rest is another's
		return Unknown
	case !r.Active:
		return "token-revoked"
	case now.Before(r.NotBefore):
		return "token-not-yet-valid"
	case !now.Before(r.Expires):
		return "token-expired"
	}
	return ""
}

// Token is a well-formed token.
type Token struct {
	Environment string
	KeyID       string
	text        string
}

// Mint makes a token for an environment (DeployEnv) from random bytes.
func Mint(environment string) Token {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	random := make([]byte, keyIDLen+32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	keyID := make([]byte, keyIDLen)
	for i := range keyID {
		keyID[i] = letters[int(random[i])%len(letters)] // an identifier, not a secret: a slight bias is harmless
	}
	head := "cpi_" + environment + "_" + string(keyID) + "_" + base64.RawURLEncoding.EncodeToString(random[keyIDLen:]) + "_"
	return Token{Environment: environment, KeyID: string(keyID), text: Seal(head)}
}

// Seal appends the checksum to everything before it.
func Seal(head string) string { return head + checksum(head) }

// Parse recognises a token's form. It does not say whether the token is valid.
func Parse(text string) (t Token, ok bool) {
	const tail = 1 + keyIDLen + 1 + secretLen + 1 + checksumLen
	if len(text) < len("cpi_")+tail || !strings.HasPrefix(text, "cpi_") {
		return Token{}, false
	}
	at := len(text) - tail
	environment, rest := text[len("cpi_"):at], text[at:]
	keyID, secret, sum := rest[1:1+keyIDLen], rest[2+keyIDLen:2+keyIDLen+secretLen], rest[len(rest)-checksumLen:]
	switch {
	case rest[0] != '_' || rest[1+keyIDLen] != '_' || rest[2+keyIDLen+secretLen] != '_',
		!ValidEnvironment(environment),
		!only(keyID, "0123456789abcdefghijklmnopqrstuvwxyz"),
		!only(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		sum != checksum(text[:len(text)-checksumLen]):
		return Token{}, false
	}
	return Token{Environment: environment, KeyID: keyID, text: text}, true
}

// String returns the token's text, the secret itself: print it once, for its client, and never log it.
func (t Token) String() string { return t.text }

// Digest returns what the store keeps of the token.
func (t Token) Digest() []byte {
	d := sha256.Sum256([]byte(t.text))
	return d[:]
}

// ValidClient reports whether a client can have the name: [A-Za-z0-9._-]{1,64}. It is stored with what the client writes.
func ValidClient(name string) bool {
	return name != "" && len(name) <= 64 && only(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
}

// ValidEnvironment reports whether the name can be part of a token: [a-z][a-z0-9-]{0,15}.
func ValidEnvironment(name string) bool {
	return name != "" && len(name) <= 16 && name[0] >= 'a' && only(name, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

func only(s, allowed string) bool {
	return strings.Trim(s, allowed) == "" // Trim stops at the first other byte from either side
}

func checksum(head string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(head))) }

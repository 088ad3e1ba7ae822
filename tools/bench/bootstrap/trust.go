package bootstrap

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// roots is how many roots Amazon Linux 2023 trusts.
const roots = 143

// trust is who the endpoint is and whom bootstraps believe.
type trust struct {
	server *tls.Config // RSA-2048: leaf and intermediate, as AWS's endpoints
	root   []byte      // PEM
	store  []string    // environment variables that give a trust store like that of Amazon Linux 2023
}

// newTrust makes a chain of three for 127.0.0.1 and, below dir, a trust store with its root among 142 others. As on Amazon Linux 2023
// the roots stand in one bundle and once more in a file each, with two links to each of these; Go reads the bundle and then every file.
// The others are this machine's; where it has fewer, some are made of three keys, in the shares of Mozilla's list: what they cost is to
// be parsed.
func newTrust(dir string) (t trust, err error) {
	rootKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return t, err
	}
	interKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return t, err
	}
	leafKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return t, err
	}
	root, err := issue("Bench Root", nil, rootKey, rootKey)
	if err != nil {
		return t, err
	}
	inter, err := issue("Bench Intermediate", root, rootKey, interKey)
	if err != nil {
		return t, err
	}
	leaf, err := issue(leafName, inter, interKey, leafKey)
	if err != nil {
		return t, err
	}
	t.server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, inter.Raw}, PrivateKey: leafKey}}}
	t.root = encoded(root)

	all := append([][]byte{t.root}, machineRoots()...)
	if len(all) < roots {
		more, err := someRoots(roots-len(all), rootKey)
		if err != nil {
			return t, err
		}
		all = append(all, more...)
	}
	t.store, err = install(dir, all[:roots])
	return t, err
}

// machineRoots returns the certificates, PEM, of the bundle of this machine, if it has one where Debian or Amazon Linux has it.
func machineRoots() (all [][]byte) {
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		rest, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
			all = append(all, pem.EncodeToMemory(block))
		}
		return all
	}
	return nil
}

// someRoots makes n roots.
func someRoots(n int, small crypto.Signer) (all [][]byte, err error) {
	large, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		return nil, err
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	for i := range n {
		key := crypto.Signer(large)
		switch part := i % 12; {
		case part < 3:
			key = curve
		case part < 7:
			key = small
		}
		c, err := issue(fmt.Sprintf("Some Certification Authority Root %d", i), nil, key, key)
		if err != nil {
			return nil, err
		}
		all = append(all, encoded(c))
	}
	return all, nil
}

// install writes the trust store.
func install(dir string, all [][]byte) (variables []string, err error) {
	folder := filepath.Join(dir, "certs")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	var bundle []byte
	for i, c := range all {
		bundle = append(bundle, c...)
		name := fmt.Sprintf("root%03d.pem", i)
		if err := os.WriteFile(filepath.Join(folder, name), c, 0o600); err != nil {
			return nil, err
		}
		for link := range 2 {
			if err := os.Symlink(name, filepath.Join(folder, fmt.Sprintf("%08x.%d", i, link))); err != nil {
				return nil, err
			}
		}
	}
	file := filepath.Join(dir, "bundle.pem")
	return []string{"SSL_CERT_FILE=" + file, "SSL_CERT_DIR=" + folder}, os.WriteFile(file, bundle, 0o600)
}

// leafName is the name of the certificate that is no authority.
const leafName = "127.0.0.1"

// issue makes a certificate of key, signed by its parent's key, or by itself without a parent.
func issue(name string, parent *x509.Certificate, parentKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Bench"}, Country: []string{"XX"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true,
	}
	if name == leafName {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		c.IPAddresses = []net.IP{net.ParseIP(leafName)}
	} else {
		c.IsCA = true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func encoded(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

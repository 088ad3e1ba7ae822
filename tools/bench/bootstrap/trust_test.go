package bootstrap

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNewTrust: the endpoint's chain is one of three, and its root is one of as many as Amazon Linux 2023 trusts.
func TestNewTrust(t *testing.T) {
	dir := t.TempDir()
	trust, err := newTrust(dir)
	require.NoError(t, err)
	bundle, err := os.ReadFile(filepath.Join(dir, "bundle.pem"))
	require.NoError(t, err)
	assert.Equal(t, roots, strings.Count(string(bundle), "BEGIN CERTIFICATE"))
	files, err := filepath.Glob(filepath.Join(dir, "certs", "*.pem"))
	require.NoError(t, err)
	assert.Len(t, files, roots)

	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(trust.root))
	chain := trust.server.Certificates[0].Certificate
	require.Len(t, chain, 2, "the root is not sent")
	leaf, err := x509.ParseCertificate(chain[0])
	require.NoError(t, err)
	inter, err := x509.ParseCertificate(chain[1])
	require.NoError(t, err)
	intermediates.AddCert(inter)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates, DNSName: leafName})
	require.NoError(t, err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: leafName})
	require.Error(t, err)
}

// TestSomeRoots: a machine without roots gets them made.
func TestSomeRoots(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	all, err := someRoots(12, key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	kinds := map[x509.PublicKeyAlgorithm]int{}
	for _, c := range all {
		require.True(t, pool.AppendCertsFromPEM(c))
		block, _ := pem.Decode(c)
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		kinds[parsed.PublicKeyAlgorithm]++
	}
	assert.Equal(t, map[x509.PublicKeyAlgorithm]int{x509.RSA: 9, x509.ECDSA: 3}, kinds)
}

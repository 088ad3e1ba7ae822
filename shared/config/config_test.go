package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/config"
)

func read(env map[string]string) (config.Settings, error) {
	return config.Read(func(name string) string { return env[name] })
}

func good() map[string]string {
	return map[string]string{"TABLE_NAME": "pricing-dev", "DEPLOY_ENV": "dev", "AWS_REGION": "eu-west-1", "HISTORY_DAYS": "400"}
}

func TestRead(t *testing.T) {
	env := good()
	env["AWS_ENDPOINT_URL_DYNAMODB"], env["TRUST_STORE"], env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = "http://127.0.0.1:8000", "system", "512"
	s, err := read(env)
	require.NoError(t, err)
	assert.Equal(t, config.Settings{
		Table: "pricing-dev", Environment: "dev", Retention: 400 * 24 * time.Hour, Region: "eu-west-1",
		StoreEndpoint: "http://127.0.0.1:8000", SystemTrust: true, MemoryMB: 512,
	}, s)
}

func TestRead_TheEmptyEndpointIsUnset(t *testing.T) {
	env := good()
	env["AWS_ENDPOINT_URL_DYNAMODB"], env["AWS_ENDPOINT_URL"] = "", "http://127.0.0.1:4566"
	s, err := read(env)
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:4566", s.StoreEndpoint)
}

// TestRead_Retention: from a day to a hundred years, both included.
func TestRead_Retention(t *testing.T) {
	for days, want := range map[string]time.Duration{"1": 24 * time.Hour, "36500": 36500 * 24 * time.Hour} {
		env := good()
		env["HISTORY_DAYS"] = days
		s, err := read(env)
		require.NoError(t, err)
		assert.Equal(t, want, s.Retention)
	}
}

func TestRead_NamesEveryProblemAtOnce(t *testing.T) {
	_, err := read(map[string]string{"HISTORY_DAYS": "many", "TRUST_STORE": "none"})
	require.Error(t, err)
	for _, problem := range []string{
		"TABLE_NAME is not set", "DEPLOY_ENV is not set", "AWS_REGION is not set",
		`HISTORY_DAYS must be a whole number of days from 1 to 36500, not "many"`,
		`TRUST_STORE must be embedded or system, not "none"`,
	} {
		assert.Contains(t, err.Error(), problem)
	}
	for _, days := range []string{"0", "-1", "1.5", "36501", "9999999999999999999"} {
		env := good()
		env["HISTORY_DAYS"] = days
		_, err := read(env)
		assert.ErrorContains(t, err, "HISTORY_DAYS", days)
	}
}

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

func TestRead_NamesEveryProblemAtOnce(t *testing.T) {
	_, err := read(map[string]string{"HISTORY_DAYS": "many", "TRUST_STORE": "none"})
	require.Error(t, err)
	for _, name := range []string{"TABLE_NAME", "DEPLOY_ENV", "AWS_REGION", "HISTORY_DAYS", `"many"`, "TRUST_STORE", `"none"`} {
		assert.Contains(t, err.Error(), name)
	}
	for _, days := range []string{"0", "-1", "1.5", "36501", "9999999999999999999"} {
		env := good()
		env["HISTORY_DAYS"] = days
		_, err := read(env)
		assert.ErrorContains(t, err, "HISTORY_DAYS", days)
	}
}

// Package config reads a function's environment into a struct and names every missing or wrong variable at once.
//
// The environment is an argument, so tests set no variables. A variable set to the empty string counts as unset:
// the template declares StoreEndpoint with an empty default, because SAM local passes declared variables only.
package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Settings holds what the template says to every function.
type Settings struct {
	Table         string        // TABLE_NAME
	Environment   string        // DEPLOY_ENV
	Retention     time.Duration // HISTORY_DAYS
	Region        string        // AWS_REGION, set by Lambda
	StoreEndpoint string        // AWS_ENDPOINT_URL_DYNAMODB, else AWS_ENDPOINT_URL; empty = AWS itself
	SystemTrust   bool          // TRUST_STORE=system: the machine's roots instead of the embedded Amazon ones
	MemoryMB      int           // AWS_LAMBDA_FUNCTION_MEMORY_SIZE, set by Lambda; 0 when unknown
}

// Read takes the settings from getenv. Its error names every variable that is missing or cannot be read.
func Read(getenv func(string) string) (Settings, error) {
	var problems []string
	required := func(name string) string {
		v := getenv(name)
		if v == "" {
			problems = append(problems, name+" is not set")
		}
		return v
	}
	s := Settings{
		Table:         required("TABLE_NAME"),
		Environment:   required("DEPLOY_ENV"),
		Region:        required("AWS_REGION"),
		StoreEndpoint: getenv("AWS_ENDPOINT_URL_DYNAMODB"),
	}
	if days := required("HISTORY_DAYS"); days != "" {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			problems = append(problems, fmt.Sprintf("HISTORY_DAYS must be a whole number of days from 1 to 36500, not %q", days))
		}
		s.Retention = time.Duration(n) * 24 * time.Hour
	}
	if s.StoreEndpoint == "" {
		s.StoreEndpoint = getenv("AWS_ENDPOINT_URL")
	}
	switch trust := getenv("TRUST_STORE"); trust {
	case "", "embedded":
	case "system":
		s.SystemTrust = true
	default:
		problems = append(problems, fmt.Sprintf("TRUST_STORE must be embedded or system, not %q", trust))
	}
	s.MemoryMB = MemoryMB(getenv)
	if len(problems) > 0 {
		return Settings{}, fmt.Errorf("read settings: %s", strings.Join(problems, "; "))
	}
	return s, nil
}

// MemoryMB is the function's memory, which Lambda sets; 0 when it is unknown.
func MemoryMB(getenv func(string) string) int {
	n, _ := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")) // absent outside Lambda: 0
	return n
}

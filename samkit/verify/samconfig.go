package main

import (
	"pricing/samkit/samconfig"
	"pricing/samkit/verify/rules"
)

// readEnvironments reads each environment's parameter values and stack from a samconfig.toml, of those too that nothing deploys.
func readEnvironments(path string) (map[string]rules.Environment, error) {
	read, err := samconfig.Verified(path)
	if err != nil {
		return nil, err
	}
	environments := map[string]rules.Environment{}
	for name, e := range read {
		environments[name] = rules.Environment{Stack: e.Stack, Parameters: e.Parameters}
	}
	return environments, nil
}

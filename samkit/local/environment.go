package main

import (
	"maps"
	"slices"
	"strconv"

	"pricing/samkit/local/samtemplate"
)

// environment returns the variables of a function's process, besides the address of the Runtime API: the template's and
// those of Lambda itself, nothing else. Of Lambda's own names a template may set TZ and LANG alone.
func environment(f samtemplate.Function, endpoint string) []string {
	variables := map[string]string{"TZ": ":UTC", "LANG": "en_US.UTF-8"}
	maps.Copy(variables, f.Environment)
	if endpoint != "" {
		variables["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
	}
	version := "1" // the version behind the alias
	if f.Alias == "" {
		version = "$LATEST"
	}
	maps.Copy(variables, map[string]string{
		"_HANDLER": f.Handler, "AWS_REGION": samtemplate.Region, "AWS_DEFAULT_REGION": samtemplate.Region,
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_FUNCTION_VERSION": version,
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": f.Logging.Group, "AWS_LAMBDA_LOG_STREAM_NAME": "local",
		"AWS_LAMBDA_LOG_FORMAT": f.Logging.Format, "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
	})
	if f.Logging.Level != "" { // with the format Text there is none
		variables["AWS_LAMBDA_LOG_LEVEL"] = f.Logging.Level
	}
	list := make([]string, 0, len(variables))
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Command raw is a bootstrap without the runtime library: it makes the calls of the Runtime API one by one and answers
// each invocation with what it has seen so far.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")

func post(path, contentType, body string) string {
	resp, err := http.Post(base+path, contentType, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// wait waits until a pipe is written, if there is one.
func wait(pipe string) {
	if pipe == "" {
		return
	}
	if _, err := os.ReadFile(pipe); err != nil {
		log.Fatal(err)
	}
}

func main() {
	seen := map[string]any{}
	switch os.Getenv("INIT") {
	case "error":
		post("/2018-06-01/runtime/init/error", "application/json", `{"errorType":"Runtime.NoSuchHandler","errorMessage":"as told"}`)
		select {}
	case "hang":
		select {}
	}
	for {
		resp, err := http.Get(base + "/2018-06-01/runtime/invocation/next")
		if err != nil {
			log.Fatal(err)
		}
		event, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		_ = resp.Body.Close() // read to its end
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		var pipes struct{ Before, After string } // to wait for before the answer and after it
		_ = json.Unmarshal(event, &pipes)        // most events name none
		seen["status"], seen["headers"], seen["event"] = resp.StatusCode, resp.Header, string(event)
		invocation := "/2018-06-01/runtime/invocation/" + id
		seen["anotherId"] = post("/2018-06-01/runtime/invocation/another/response", "application/octet-stream", `"wrong"`)
		answer, err := json.Marshal(seen)
		if err != nil {
			log.Fatal(err)
		}
		if string(event) == `"fail"` {
			seen["error"] = post(invocation+"/error", "application/json", "no JSON")
			continue
		}
		wait(pipes.Before)
		seen["response"] = post(invocation+"/response", "application/octet-stream", string(answer))
		seen["again"] = post(invocation+"/response", "application/octet-stream", `"twice"`)
		wait(pipes.After)
	}
}

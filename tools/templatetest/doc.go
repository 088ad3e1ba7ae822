// Package templatetest says what must hold of this project's template, its account's and its runbook beyond what
// `make verify` asks of any template. It has tests only.
package templatetest

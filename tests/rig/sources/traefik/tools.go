//go:build tools

// Package tools names the program that go.mod pins, so that its dependencies stay in go.sum.
package tools

import _ "github.com/traefik/traefik/v3/cmd/traefik"

//go:build tools

// Package tools names the program that go.mod pins, so that its dependencies stay in go.sum.
package tools

import _ "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"

//go:build tools

// Package tools pins the program that is built here.
package tools

import _ "filippo.io/age/cmd/age-keygen"

//go:build tools

// Package tools pins the client of etcd that the lab of hosts uses.
package tools

import _ "go.etcd.io/etcd/etcdctl/v3"

//go:build tools

// Package tools pins the provider that the lab of plug-ins builds.
package tools

import _ "github.com/terraform-provider-openstack/terraform-provider-openstack/v3"

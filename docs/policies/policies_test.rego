# Plans as kinds have them that the quickstart has not.
package policies_test

import data.main

made(type, value) := {"resource_changes": [{
	"address": sprintf("%s.this", [type]),
	"type": type,
	"mode": "managed",
	"change": {"actions": ["create"], "before": null, "after": value},
}]}

test_a_bucket_by_its_acl if {
	count(main.deny) == 1 with input as made("aws_s3_bucket_acl", {"acl": "public-read"})
	count(main.deny) == 0 with input as made("aws_s3_bucket_acl", {"acl": "private"})
}

test_a_bucket_by_its_access_block if {
	count(main.deny) == 1 with input as made("aws_s3_bucket_public_access_block", {"block_public_acls": false})
	count(main.deny) == 0 with input as made("aws_s3_bucket_public_access_block", {"block_public_acls": true})
}

test_a_flavour_by_other_names if {
	some key in ["flavor_name", "instance_type"]
	count(main.deny) == 1 with input as made("openstack_compute_instance_v2", {key: "p5.48xlarge"})
	count(main.deny) == 0 with input as made("openstack_compute_instance_v2", {key: "gpu-large"})
}

test_a_region_of_an_object if {
	count(main.deny) == 1 with input as made("aws_instance", {"region": "us-east-1"})
	count(main.deny) == 0 with input as made("aws_instance", {"region": "eu-west-1"})
}

provider(expression) := {"configuration": {"provider_config": {"aws": {"expressions": {"region": expression}}}}}

test_a_region_of_a_provider if {
	count(main.deny) == 1 with input as provider({"constant_value": "us-east-1"})
	count(main.deny) == 0 with input as provider({"constant_value": "eu-west-1"})
	asked := provider({"references": ["var.region"]})
	count(main.deny) == 1 with input as object.union(asked, {"variables": {"region": {"value": "us-east-1"}}})
	count(main.deny) == 0 with input as object.union(asked, {"variables": {"region": {"value": "eu-west-1"}}})
}

stream(kinds) := made("kubernetes_manifests", {"content": concat("---\n", [text |
	some kind in kinds
	text := sprintf("kind: %s\nmetadata: {name: vision, namespace: vision}\n", [kind])
])})

test_a_namespace_in_a_stream if {
	main.deny == {"kubernetes_manifests.this: the namespace \"vision\" has no ResourceQuota"} with input as stream(["Namespace"])
	count(main.deny) == 0 with input as stream(["Namespace", "ResourceQuota"])
}

replaced := {"resource_changes": [{
	"address": "aws_s3_bucket.this",
	"type": "aws_s3_bucket",
	"mode": "managed",
	"change": {"actions": ["delete", "create"], "before": {}, "after": {}},
}]}

test_data_in_a_plan_by_others if {
	count(main.deny) == 1 with input as replaced
	count(main.deny) == 0 with input as replaced with data.settings.data_may_go as ["aws_s3_bucket.this"]
}

later(actions) := {"deferred_changes": [{
	"reason": "provider_config_unknown",
	"resource_change": {"address": "sim_bucket.b", "type": "sim_bucket", "mode": "managed"},
	"formwork": {"envelope": {"actions": actions, "may_touch": ["sim_bucket.b[\"x\"]"]}},
}]}

test_data_that_a_later_stage_may_destroy if {
	count(main.deny) == 1 with input as later([["create"], ["delete"]])
	count(main.deny) == 0 with input as later([["create"], ["update"]])
	count(main.warn) == 2 with input as later([["update"]])
}

manifest(quota, replicas) := [
	{"kind": "ResourceQuota", "metadata": {"namespace": "vision"}, "spec": {"hard": {"requests.nvidia.com/gpu": quota}}},
	{
		"kind": "Deployment",
		"metadata": {"namespace": "vision"},
		"spec": {"replicas": replicas, "template": {"spec": {"containers": [
			{"name": "a", "resources": {"limits": {"nvidia.com/gpu": "2"}}},
			{"name": "b"},
		]}}},
	},
]

quota_falls(from, to, replicas) := {"resource_changes": [change |
	some index, after in manifest(to, replicas)
	change := {
		"address": sprintf("kubernetes_manifest.this[%d]", [index]),
		"type": "kubernetes_manifest",
		"mode": "managed",
		"change": {
			"actions": ["update"],
			"before": {"manifest": manifest(from, replicas)[index]},
			"after": {"manifest": after},
		},
	}
]}

test_a_quota_below_what_replicas_use if {
	main.deny == {"kubernetes_manifest.this[0]: the quota of \"vision\" falls to 4 GPUs, and 6 are in use"} with input as quota_falls("8", "4", 3)
	count(main.deny) == 0 with input as quota_falls("8", "6", 3)
	count(main.deny) == 0 with input as quota_falls("4", "5", 3)
}

# No bucket is public.
package main

import data.plan

deny contains message if {
	some one in plan.after
	is_public(one.value)
	message := sprintf("%s: this bucket would be public; buckets are reached from inside only", [one.address])
}

is_public(value) if value.public == true

is_public(value) if value.acl in {"public-read", "public-read-write", "website"}

is_public(value) if value.block_public_acls == false

is_public(value) if value.block_public_policy == false

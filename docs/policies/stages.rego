# What a policy cannot see yet is said, not passed over.
package main

import data.plan

warn contains message if {
	count(plan.later) > 0
	message := sprintf(
		"%d blocks are planned in a later stage of the apply: the rules see their objects in the next plan",
		[count(plan.later)],
	)
}

warn contains message if {
	some one in input.formwork.attention
	one.risk == "disruption"
	message := sprintf("%s: %s", [one.address, one.words])
}

# A later stage may make objects; that it may change or remove what stands is for people to decide.
warn contains message if {
	some one in input.deferred_changes
	some address in one.formwork.envelope.may_touch
	message := sprintf("%s: a later stage may change or remove it", [address])
}

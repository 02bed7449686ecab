# No data is destroyed, unless settings.data_may_go names the object.
package main

import data.plan

deny contains message if {
	some address in lost
	not address in data.settings.data_may_go
	message := sprintf("%s: the data in it would be destroyed; name it in data_may_go if it may go", [address])
}

# Formwork says what holds data; for plans by others there is a list of kinds.
lost contains one.address if {
	some one in input.formwork.attention
	one.risk == "data-loss"
}

lost contains one.address if {
	some one in plan.deleted
	one.type in data.settings.data_kinds
}

# A later stage must not be allowed to do it either.
lost contains address if {
	some one in input.deferred_changes
	one.resource_change.type in data.settings.data_kinds
	some actions in one.formwork.envelope.actions
	"delete" in actions
	some address in one.formwork.envelope.may_touch
}

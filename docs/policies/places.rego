# Only the listed regions and flavours.
package main

import data.plan

deny contains message if {
	some one in plan.touched
	some key in ["flavour", "flavor_name", "instance_type"]
	flavour := one.value[key]
	is_string(flavour)
	not flavour in data.settings.flavours
	message := sprintf("%s: the flavour %q is not one of ours: %s", [
		one.address, flavour,
		concat(", ", data.settings.flavours),
	])
}

deny contains message if {
	some one in regions
	not one.region in data.settings.regions
	message := sprintf("%s: the region %q is not one of ours: %s", [
		one.address, one.region,
		concat(", ", data.settings.regions),
	])
}

regions contains {"address": one.address, "region": one.value.region} if {
	some one in plan.touched
	is_string(one.value.region)
}

# A provider's region is written out, or comes from a variable.
regions contains {"address": sprintf("provider %s", [name]), "region": region} if {
	some name, one in input.configuration.provider_config
	region := one.expressions.region.constant_value
}

regions contains {"address": sprintf("provider %s", [name]), "region": region} if {
	some name, one in input.configuration.provider_config
	some reference in one.expressions.region.references
	region := input.variables[trim_prefix(reference, "var.")].value
}

# What the rules read from a plan, whichever provider's kinds it holds.
package plan

# Managed objects that a change makes or leaves as they are.
after contains object if {
	some one in input.resource_changes
	one.mode == "managed"
	is_object(one.change.after)
	object := {"address": one.address, "type": one.type, "value": one.change.after}
}

# Managed objects as they stand before.
before contains object if {
	some one in input.resource_changes
	one.mode == "managed"
	is_object(one.change.before)
	object := {"address": one.address, "type": one.type, "value": one.change.before}
}

# Managed objects that are made or changed, but not those that stay.
touched contains object if {
	some one in input.resource_changes
	one.mode == "managed"
	some action in one.change.actions
	action in {"create", "update"}
	is_object(one.change.after)
	object := {"address": one.address, "type": one.type, "value": one.change.after}
}

# Addresses of managed objects that are deleted, also to be made anew.
deleted contains {"address": one.address, "type": one.type} if {
	some one in input.resource_changes
	one.mode == "managed"
	"delete" in one.change.actions
}

# Objects of Kubernetes among others: their address and what the API takes.
documents(objects) := given | streamed if {
	given := {{"address": one.address, "document": document} |
		some one in objects
		some key in ["document", "manifest"]
		document := one.value[key]
		is_object(document)
	}
	streamed := {{"address": one.address, "document": document} |
		some one in objects
		one.type == "kubernetes_manifests"
		some text in split(concat("", ["\n", one.value.content]), "\n---")
		document := yaml.unmarshal(text)
		is_object(document)
	}
}

# The namespace that a document stands in.
namespace(document) := object.get(document, ["metadata", "namespace"], "default")

# What only a later stage of the same apply can plan: its values are not known.
later contains one.resource_change.address if some one in input.deferred_changes

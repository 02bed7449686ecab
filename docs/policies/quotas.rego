# Every namespace has a quota, and no quota of GPUs falls below what is in use.
package main

import data.plan

deny contains message if {
	some one in plan.documents(plan.after)
	one.document.kind == "Namespace"
	name := one.document.metadata.name
	not name in data.settings.namespaces_without_quota
	not name in with_quota
	message := sprintf("%s: the namespace %q has no ResourceQuota", [one.address, name])
}

with_quota contains plan.namespace(one.document) if {
	some one in plan.documents(plan.after)
	one.document.kind == "ResourceQuota"
}

deny contains message if {
	some planned in plan.documents(plan.after)
	planned.document.kind == "ResourceQuota"
	some prior in plan.documents(plan.before)
	prior.address == planned.address
	some resource in data.settings.gpu_resources
	limit := to_number(planned.document.spec.hard[resource])
	limit < to_number(prior.document.spec.hard[resource])
	namespace := plan.namespace(planned.document)
	used := sum([gpus | some workload in workloads; workload.namespace == namespace; gpus := workload.gpus])
	limit < used
	message := sprintf("%s: the quota of %q falls to %d GPUs, and %d are in use", [
		planned.address, namespace,
		limit, used,
	])
}

# What the workloads of this plan ask for. Pods that others made are not in it.
workloads contains {"address": one.address, "namespace": plan.namespace(one.document), "gpus": gpus} if {
	some one in plan.documents(plan.after)
	spec := pod_spec(one.document)
	each := sum([count |
		some container in spec.containers
		count := to_number(container.resources.limits["nvidia.com/gpu"])
	])
	gpus := each * copies(one.document)
}

pod_spec(document) := document.spec if document.kind == "Pod"

pod_spec(document) := document.spec.template.spec if document.kind in {"Deployment", "StatefulSet", "Job"}

copies(document) := object.get(document, ["spec", "replicas"], 1) if document.kind in {"Deployment", "StatefulSet"}

copies(document) := object.get(document, ["spec", "parallelism"], 1) if document.kind == "Job"

copies(document) := 1 if document.kind == "Pod"

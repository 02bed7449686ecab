//! `kubeadm_node_ready`: a node that is waited for until it is ready for work, and kept out of it until then.

use crate::attributes::{is_node_name, timed};
use crate::configuration::bare;
use crate::shell::{NODE, moment, word};
use formwork_provider_host::{
    Act, Answer, HostKind, Phase, Private, mark_folder, quote, schema, with, write_bytes,
};
use formwork_sdk::values::{Findings, given, set_planned, text, texts};
use formwork_sdk::{Attribute, KindSchema, Operation, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    kubeadm = { source = "formwork/kubeadm" }
  }
}

resource "kubeadm_node_ready" "gpu" {
  host          = { address = "10.0.0.11" }
  name          = "gpu-1"
  resources     = { "nvidia.com/gpu" = 8 }
  remove_taints = ["formwork.dev/starting"]
  probe         = { image = "nvcr.io/nvidia/cuda:13.0.1-base-ubuntu24.04", command = ["nvidia-smi"] }
}
"#;

const RESOURCES: &str = "resources";
const TAINTS: &str = "remove_taints";
const READY: &str = "ready";
const TIME_LIMIT_MS: u64 = 20 * 60 * 1000;

pub(crate) struct NodeReady;

impl HostKind for NodeReady {
    fn name(&self) -> &'static str {
        "kubeadm_node_ready"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let probe = Type::object_with_optional(
            [
                ("image", Type::String),
                ("command", Type::list(Type::String)),
                ("namespace", Type::String),
                ("runtime_class", Type::String),
            ],
            ["command", "namespace", "runtime_class"],
        );
        let attributes = vec![
            ("name", Attribute::required(Type::String, "The node.").replaces()),
            (
                RESOURCES,
                Attribute::optional(
                    Type::map(Type::Number),
                    "How much of what has to be allocatable, as `{ \"nvidia.com/gpu\" = 8 }`: less or more, and it is not ready.",
                ),
            ),
            (
                "probe",
                Attribute::optional(
                    probe,
                    "A pod that is run on the node with all of `resources`, and has to succeed: `image`, and where they are wanted `command`, `namespace` (`kube-system`) and `runtime_class`.",
                ),
            ),
            (
                TAINTS,
                Attribute::optional(
                    Type::list(Type::String),
                    "Keys of taints that the node loses when it is ready: what it was given to start with.",
                ),
            ),
            (
                READY,
                Attribute::computed(
                    Type::Bool,
                    "Whether it is ready, has what it should, and lost those taints.",
                ),
            ),
        ];
        let doc = "A node that is waited for until it is ready and what it offers is what it should; then its start-up taints are taken off. `host` is one of the control plane. A later plan that finds it otherwise waits again; removing it leaves the node as it is.";
        let permissions = [
            "Read nodes, as an administrator of the cluster on a host of its control plane.",
            "Write nodes and pods, as an administrator of the cluster on a host of its control plane.",
        ];
        let kind = schema("name", attributes, doc, EXAMPLE, permissions);
        timed(KindSchema { time_limit_ms: TIME_LIMIT_MS, ..kind })
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        if text(configuration, "name").is_some_and(|name| !is_node_name(name)) {
            found.refuse("name", "It is no name of a node: give small letters, digits, `-` and `.`.");
        }
        if texts(configuration, TAINTS).any(|key| key.is_empty() || key.contains([' ', ':', '='])) {
            found.refuse(TAINTS, "They are keys of taints, without a value and an effect.");
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        set_planned(&self.schema(), request, planned, READY, &Value::from(true));
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "{NODE}d={}\nif [ -s \"$d/owner\" ]; then\nemit there 1\nemit node \"$(kube get node {} -o json 2>&1)\"\nfi\ntrue",
            mark_folder(self, object),
            word(object, "name")
        )
    }

    fn probe_together(&self, objects: &[&Value]) -> Option<String> {
        let names: Vec<String> = objects.iter().map(|object| word(object, "name")).collect();
        let mut script = NODE.to_owned();
        for (object, name) in objects.iter().zip(&names) {
            let mark = mark_folder(self, object);
            let _ = writeln!(script, "[ ! -s {mark}/owner ] || emit \"there \"{name} 1");
        }
        let _ = writeln!(script, "emit nodes \"$(kube get node {} -o json 2> /dev/null)\"", names.join(" "));
        Some(script + "true")
    }

    fn of_together(&self, object: &Value, _: &Private, together: &Answer) -> Option<Answer> {
        let name = text(object, "name")?;
        if together.given(&format!("there {name}")).is_none() {
            return Some(Answer::made(&[]));
        }
        // Of one there is no list.
        let said: Json = serde_json::from_str(together.given("nodes")?).unwrap_or(Json::Null);
        let all = said["items"].as_array().map_or(std::slice::from_ref(&said), Vec::as_slice);
        let node = all.iter().find(|one| one["metadata"]["name"] == name);
        Some(Answer::made(&[("there", "1"), ("node", &node.map(Json::to_string).unwrap_or_default())]))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let node = answer.given("node").and_then(|text| serde_json::from_str::<Json>(text).ok());
        let is_ready = node.is_some_and(|node| is_ready(object, &node));
        Ok(Some(with(object, &[(READY, Value::from(is_ready))])))
    }

    fn phases(&self, act: &Act<'_>) -> Result<Vec<Phase>, ProviderError> {
        // Without it a node could not be drained: nobody looks after the pod.
        let gone = |object: &Value| Phase::look("probe", moment(&remove_probe(object)));
        if act.request.operation == Operation::Delete {
            return Ok(has_probe(&act.request.prior).then(|| gone(&act.request.prior)).into_iter().collect());
        }
        let object = &act.planned;
        let node = format!("n={}\n", word(object, "name"));
        let offers: Vec<String> = counts(object).iter().map(|(name, count)| awaited(name, *count)).collect();
        let offers = offers.concat();
        let mut phases =
            vec![Phase::look("ready", moment(&format!("{node}trap - EXIT\nnode_ready \"$n\"\n{offers}")))];
        if has_probe(object) {
            phases.push(Phase::look("probe", moment(&run_probe(object))));
        } else if has_probe(&act.request.prior) {
            phases.push(gone(&act.request.prior));
        }
        let off = texts(object, TAINTS).map(|key| {
            format!("kube taint node \"$n\" {} > /dev/null 2>&1 || :\n", quote(&format!("{key}-")))
        });
        let off = off.collect::<Vec<_>>().concat();
        phases.push(Phase::look("taints", moment(&format!("{node}{off}"))));
        Ok(phases)
    }
}

/// Shell that waits until `$n` offers so much of something.
fn awaited(name: &str, count: i64) -> String {
    format!(
        "w=$(kube get node \"$n\" -o {})\n[ \"$w\" = {count} ] || {{ emit waits \"$n to offer {count} of \"{}\", not ${{w:-none}}\"; exit 0; }}\n",
        quote(&format!("jsonpath={{.status.allocatable.{}}}", name.replace('.', "\\."))),
        quote(name),
    )
}

fn counts(object: &Value) -> Vec<(String, i64)> {
    let entries = given(object, RESOURCES).and_then(Value::entries);
    let entries = entries.into_iter().flat_map(|entries| entries.iter());
    entries.filter_map(|(name, count)| Some((name.to_string(), count.as_i64()?))).collect()
}

fn is_ready(object: &Value, node: &Json) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    let is_up = conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    let offered = |name: &str| node["status"]["allocatable"][name].as_str().map(str::to_owned);
    let has_all = counts(object).iter().all(|(name, count)| offered(name) == Some(count.to_string()));
    let taints: Vec<&Json> = node["spec"]["taints"].as_array().into_iter().flatten().collect();
    let is_tainted = texts(object, TAINTS).any(|key| taints.iter().any(|one| one["key"] == key));
    is_up && has_all && !is_tainted
}

fn has_probe(object: &Value) -> bool {
    !object.is_null() && given(object, "probe").is_some()
}

/// Shell that names the pod `$p`, after the node, and its namespace `$s`.
fn probe_names(object: &Value) -> String {
    let [name, namespace] = probe_name(object);
    format!("n={}\np={}\ns={}\n", word(object, "name"), quote(&name), quote(&namespace))
}

fn probe_name(object: &Value) -> [String; 2] {
    let namespace =
        given(object, "probe").and_then(|probe| text(probe, "namespace")).unwrap_or("kube-system");
    [format!("formwork-probe-{}", text(object, "name").unwrap_or_default()), namespace.to_owned()]
}

/// Shell that takes the pod away, where there is a cluster still.
fn remove_probe(object: &Value) -> String {
    format!(
        "{}if [ -s \"$A\" ]; then\n  asked \"$n\" -n \"$s\" delete pod \"$p\" --ignore-not-found --wait=false\nfi\n",
        probe_names(object)
    )
}

/// A pod on the node that has to come to a good end.
fn run_probe(object: &Value) -> String {
    let null = Value::null(Type::Dynamic);
    let probe = given(object, "probe").unwrap_or(&null);
    let command: Vec<&str> = texts(probe, "command").collect();
    let limits: serde_json::Map<String, Json> =
        counts(object).into_iter().map(|(name, count)| (name, Json::from(count.to_string()))).collect();
    let mut container = json!({
        "name": "probe",
        "image": text(probe, "image").unwrap_or_default(),
        "imagePullPolicy": "IfNotPresent",
        "resources": { "limits": limits },
    });
    if !command.is_empty() {
        container["command"] = json!(command);
    }
    let spec = bare(json!({
        "restartPolicy": "Never",
        "nodeSelector": { "kubernetes.io/hostname": text(object, "name") },
        "tolerations": [{ "operator": "Exists" }],
        "runtimeClassName": text(probe, "runtime_class"),
        "containers": [container],
    }));
    let wanted = spec.to_string();
    let [name, namespace] = probe_name(object);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "annotations": { "formwork.dev/probe": wanted } },
        "spec": spec,
    });
    format!(
        "{}trap - EXIT\n\
         w=$(kube -n \"$s\" get pod \"$p\" --ignore-not-found -o 'jsonpath={{.status.phase}} {{.metadata.annotations.formwork\\.dev/probe}}')\n\
         if [ -n \"$w\" ] && [ \"${{w#* }}\" != {} ]; then\n  kube -n \"$s\" delete pod \"$p\" --wait=false > /dev/null\n  emit waits \"an earlier probe to go\"\n  exit 0\nfi\n\
         case ${{w%% *}} in\nSucceeded) kube -n \"$s\" delete pod \"$p\" --wait=false > /dev/null ;;\n\
         Failed)\n  l=$(kube -n \"$s\" logs \"$p\" --tail=15 2>&1)\n  kube -n \"$s\" delete pod \"$p\" --wait=false > /dev/null\n  refuse invalid \"the pod that was run on it failed: $l\"\n  ;;\n\
         '')\n{}  e=$(kube create -f - < \"$d/probe.json\" 2>&1) || :\n  emit waits \"its probe to begin: $e\"\n  exit 0\n  ;;\n\
         *)\n  emit waits \"its probe to end: $w $(kube -n \"$s\" get pod \"$p\" -o 'jsonpath={{.status.containerStatuses[0].state.waiting.message}}')\"\n  exit 0\n  ;;\nesac\n",
        probe_names(object),
        quote(&wanted),
        write_bytes(pod.to_string().as_bytes(), "\"$d/probe.json\""),
    )
}

#[cfg(test)]
mod tests {
    use super::{NodeReady, is_ready};
    use formwork_provider_host::{Answer, HostKind as _, Private};
    use formwork_value::{Name, Type, Value};
    use serde_json::json;

    #[test]
    fn one_question_answers_for_all_nodes() {
        let named = |name: &str| Value::object(vec![(Name::from("name"), Value::from(name))]);
        let node = |name: &str| json!({ "kind": "Node", "metadata": { "name": name } });
        let of = |name: &str, nodes: &serde_json::Value| {
            let together = Answer::made(&[("there a", "1"), ("there b", "1"), ("nodes", &nodes.to_string())]);
            let answer = NodeReady.of_together(&named(name), &Private::default(), &together).unwrap();
            (answer.given("there").is_some(), answer.given("node").map(str::to_owned))
        };
        let list = json!({ "kind": "List", "items": [node("a"), node("c")] });
        assert_eq!(of("a", &list), (true, Some(node("a").to_string())));
        assert_eq!(of("b", &list), (true, None), "the cluster has none of that name");
        assert_eq!(of("c", &list), (false, None), "it is not ours");
        assert_eq!(of("a", &node("a")), (true, Some(node("a").to_string())));
    }

    #[test]
    fn a_node_is_ready_with_what_it_should_offer_and_without_its_first_taints() {
        let object = Value::object(vec![
            (
                Name::from("resources"),
                Value::map(Type::Number, vec![("nvidia.com/gpu".into(), Value::from(8))]),
            ),
            (Name::from("remove_taints"), Value::list(Type::String, vec![Value::from("starting")])),
        ]);
        let node = |ready: &str, gpus: &str, taint: &str| {
            json!({
                "status": { "conditions": [{ "type": "Ready", "status": ready }], "allocatable": { "nvidia.com/gpu": gpus } },
                "spec": { "taints": [{ "key": taint, "effect": "NoSchedule" }] },
            })
        };
        for (ready, gpus, taint, expected) in [
            ("True", "8", "other", true),
            ("False", "8", "other", false),
            ("True", "7", "other", false),
            ("True", "8", "starting", false),
        ] {
            assert_eq!(is_ready(&object, &node(ready, gpus, taint)), expected, "{ready} {gpus} {taint}");
        }
    }
}

//! What conditions came to, as plan and state JSON have it.

use super::state_json::key_json;
use formwork_engine::checks::{CheckKind, CheckResult, CheckedObject};
use formwork_state::{Address, Mode};
use serde_json::{Value as Json, json};

/// All results, by address.
pub(crate) fn checks(results: &[CheckResult]) -> Json {
    results.iter().map(result).collect()
}

fn result(result: &CheckResult) -> Json {
    let mut out = json!({"address": block(result), "status": result.status});
    if let Some(objects) = &result.objects {
        out["instances"] = objects.iter().map(|object| instance(result.object_kind, object)).collect();
    }
    out
}

fn block(result: &CheckResult) -> Json {
    let text = &result.config_addr;
    let word = match result.object_kind {
        CheckKind::Resource => "resource",
        CheckKind::Output => "output_value",
        CheckKind::Check => "check",
        CheckKind::Var => "var",
    };
    let mut out = json!({"kind": word, "to_display": text});
    let module = if result.object_kind == CheckKind::Resource {
        let Ok(address) = text.parse::<Address>() else { return out };
        out["mode"] = json!(if address.mode() == Mode::Managed { "managed" } else { "data" });
        out["type"] = json!(address.type_name().as_str());
        out["name"] = json!(address.name().as_str());
        address.module().to_string()
    } else {
        let (module, name) = split(text);
        out["name"] = json!(name);
        module.to_owned()
    };
    if !module.is_empty() {
        out["module"] = json!(module);
    }
    out
}

/// Module and name of `module.a.var.x`.
fn split(text: &str) -> (&str, &str) {
    let (before, name) = text.rsplit_once('.').unwrap_or(("", text));
    (before.rsplit_once('.').map_or("", |(module, _)| module), name)
}

fn instance(kind: CheckKind, object: &CheckedObject) -> Json {
    let mut address = json!({"to_display": object.object_addr});
    let module = if kind == CheckKind::Resource {
        let parsed = object.object_addr.parse::<Address>().ok();
        if let Some(key) = parsed.as_ref().and_then(|parsed| key_json(parsed.key())) {
            address["instance_key"] = key;
        }
        parsed.map(|parsed| parsed.module().to_string()).unwrap_or_default()
    } else {
        split(&object.object_addr).0.to_owned()
    };
    if !module.is_empty() {
        address["module"] = json!(module);
    }
    let mut out = json!({"address": address, "status": object.status});
    if !object.failure_messages.is_empty() {
        out["problems"] = object.failure_messages.iter().map(|message| json!({"message": message})).collect();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::checks;
    use formwork_engine::checks::{CheckKind, CheckResult, CheckStatus, CheckedObject};
    use serde_json::json;

    #[test]
    fn addresses_are_taken_apart() {
        for (kind, config, object, address, instance) in [
            (
                CheckKind::Var,
                "module.a.var.x",
                "module.a[\"k\"].var.x",
                json!({"kind": "var", "name": "x", "module": "module.a", "to_display": "module.a.var.x"}),
                json!({"module": "module.a[\"k\"]", "to_display": "module.a[\"k\"].var.x"}),
            ),
            (
                CheckKind::Resource,
                "data.t.x",
                "data.t.x[1]",
                json!({"kind": "resource", "mode": "data", "type": "t", "name": "x", "to_display": "data.t.x"}),
                json!({"instance_key": 1, "to_display": "data.t.x[1]"}),
            ),
        ] {
            let checked = CheckedObject {
                object_addr: object.to_owned(),
                status: CheckStatus::Fail,
                failure_messages: vec!["no".to_owned()],
            };
            let result = CheckResult {
                object_kind: kind,
                config_addr: config.to_owned(),
                status: CheckStatus::Fail,
                objects: Some(vec![checked]),
            };
            let problems = json!([{"message": "no"}]);
            let expected = json!([{
                "address": address,
                "status": "fail",
                "instances": [{"address": instance, "status": "fail", "problems": problems}],
            }]);
            assert_eq!(checks(&[result]), expected);
        }
    }
}

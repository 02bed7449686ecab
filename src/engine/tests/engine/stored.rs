//! Objects that are stored in another form than today's: by an older schema, flat, of another type.

use crate::world::{World, is_before, text};
use formwork_engine::run;
use formwork_engine::{Action, Importing, RunMode};
use formwork_state::FaultPoint;
use serde_json::{Value, json};

const SECRET: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
resource "sim_secret" "a" {
  name             = "database"
  value_wo         = "x"
  value_wo_version = 1
}
"#;

/// Changes the first resource of a state file by hand.
fn edit(world: &World, change: impl FnOnce(&mut Value)) {
    let path = world.folder.path().join("terraform.tfstate");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut state["resources"][0]);
    std::fs::write(&path, state.to_string()).unwrap();
}

fn first(world: &World) -> Value {
    let mut found = Value::Null;
    edit(world, |resource| found = resource.clone());
    found
}

/// One stored form: what is done to the resource, and what planning over it says; nothing when it is fine.
type Form = (&'static str, fn(&mut Value), &'static str);

const FORMS: [Form; 5] = [
    (
        "an older version",
        |resource| {
            let instance = &mut resource["instances"][0];
            instance["schema_version"] = json!(0);
            instance["attributes"]["revision"] = json!("1");
            instance["attributes"].as_object_mut().unwrap().remove("value_wo_version");
        },
        "",
    ),
    (
        "flat",
        |resource| {
            let instance = resource["instances"][0].as_object_mut().unwrap();
            let attributes = instance.remove("attributes").unwrap();
            instance.insert("schema_version".to_owned(), json!(0));
            let (id, fingerprint) = (&attributes["id"], &attributes["fingerprint"]);
            let flat = json!({"id": id, "name": "database", "revision": "1", "fingerprint": fingerprint});
            instance.insert("attributes_flat".to_owned(), flat);
        },
        "",
    ),
    (
        "an attribute that is gone",
        |resource| resource["instances"][0]["attributes"]["colour"] = json!({"deep": [1]}),
        "",
    ),
    (
        "a newer version",
        |resource| resource["instances"][0]["schema_version"] = json!(7),
        "Resource instance managed by newer provider version",
    ),
    (
        "an older version that does not fit",
        |resource| {
            let instance = &mut resource["instances"][0];
            instance["schema_version"] = json!(0);
            instance["attributes"]["revision"] = json!(["1"]);
        },
        "Upgrading a stored object failed",
    ),
];

#[test]
fn stored_forms() {
    for (name, change, expected) in FORMS {
        let mut world = World::new(SECRET);
        world.apply();
        let before = first(&world);
        edit(&world, change);
        let plan = match world.plan_mode(RunMode::Normal) {
            Ok(plan) => plan,
            Err(found) => {
                assert!(!expected.is_empty() && found.contains(expected), "{name}: {found}");
                continue;
            }
        };
        assert!(expected.is_empty(), "{name}");
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{name}");
        if !plan.rewrites.is_empty() {
            world.apply_plan(&plan);
            assert_eq!(first(&world)["instances"], before["instances"], "{name}");
            assert!(world.plan().rewrites.is_empty(), "{name}");
        }
        world.destroy();
        assert!(world.addresses().is_empty(), "{name}");
    }
}

/// An object of another type: its type, provider and attributes; the configuration it moves into; and what is planned.
type Move = (&'static str, &'static str, fn(&Value) -> Value, &'static str, Result<Action, &'static str>);

fn null_resource(_: &Value) -> Value {
    json!({"id": "5577006791947779410", "triggers": {"a": "b"}})
}

const MOVES: [Move; 6] = [
    (
        "null_resource",
        "hashicorp/null",
        null_resource,
        "resource \"terraform_data\" \"a\" {\n  triggers_replace = { a = \"b\" }\n}",
        Ok(Action::NoOp),
    ),
    (
        "null_resource",
        "hashicorp/null",
        null_resource,
        "resource \"terraform_data\" \"a\" {\n  triggers_replace = { a = \"c\" }\n}",
        Ok(Action::DeleteThenCreate),
    ),
    (
        "random_id",
        "hashicorp/random",
        |_| json!({"id": "x"}),
        "resource \"terraform_data\" \"a\" {}",
        Err(
            "unsupported move: random_id -> terraform_data; only move from null_resource to terraform_data is supported",
        ),
    ),
    (
        "null_resource",
        "hashicorp/null",
        |_| json!({"id": [1]}),
        "resource \"terraform_data\" \"a\" {}",
        Err("the stored null_resource cannot be read"),
    ),
    (
        "sim_object_store",
        "formwork/sim",
        Value::clone,
        "resource \"sim_bucket\" \"a\" {\n  name = \"datasets\"\n}",
        Ok(Action::NoOp),
    ),
    (
        "null_resource",
        "hashicorp/null",
        null_resource,
        "resource \"sim_bucket\" \"a\" {\n  name = \"datasets\"\n}",
        Err("Unable to Move Resource State"),
    ),
];

#[test]
fn moves_across_types() {
    const HEAD: &str =
        "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\n";
    for (type_name, provider, attributes, block, expected) in MOVES {
        let mut world = World::new(&format!(
            "{HEAD}resource \"sim_bucket\" \"a\" {{\n  name = \"datasets\"\n}}\nresource \"terraform_data\" \"reader\" {{ input = sim_bucket.a.name }}\n"
        ));
        world.apply();
        edit(&world, |resource| {
            let source = format!("provider[\"registry.opentofu.org/{provider}\"]");
            if !provider.starts_with("formwork/") {
                resource["provider"] = json!(source);
            }
            resource["type"] = json!(type_name);
            let instance = &mut resource["instances"][0];
            instance["attributes"] = attributes(&instance["attributes"].clone());
        });
        let target = block.split('"').nth(1).unwrap();
        world.main(&format!(
            "{HEAD}{block}\nresource \"terraform_data\" \"reader\" {{ input = \"datasets\" }}\nmoved {{\n  from = {type_name}.a\n  to   = {target}.a\n}}\n"
        ));
        let plan = match (world.plan_mode(RunMode::Normal), expected) {
            (Err(found), Err(words)) => {
                assert!(found.contains(words), "{type_name}: {found}");
                continue;
            }
            (Ok(plan), Ok(action)) => {
                let changes: Vec<_> =
                    plan.changes.iter().map(|change| (change.address.to_string(), change.action)).collect();
                assert_eq!(changes, [(format!("{target}.a"), action)], "{type_name}");
                plan
            }
            (Ok(_), Err(words)) => panic!("{type_name}: planned, though {words}"),
            (Err(found), Ok(_)) => panic!("{type_name}: {found}"),
        };
        let previous = plan.changes[0].previous_address.as_ref().map(ToString::to_string);
        assert_eq!(previous, Some(format!("{type_name}.a")));
        let outcome = world.apply_plan(&plan);
        assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
        assert_eq!(world.addresses(), [format!("{target}.a"), "terraform_data.reader".to_owned()]);
        let again = world.plan();
        assert!(!again.has_changes() && again.rewrites.is_empty(), "{type_name}");
    }
}

const BUCKET: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
"#;

#[test]
fn an_object_is_imported_by_its_identity() {
    let mut world =
        World::new(&format!("{BUCKET}resource \"sim_bucket\" \"a\" {{\n  name = \"datasets\"\n}}\n"));
    world.apply();
    let identity = first(&world)["instances"][0]["identity"].clone();
    let id = first(&world)["instances"][0]["attributes"]["id"].clone();
    assert_eq!(identity, json!({ "id": id }));
    world
        .main(&format!("{BUCKET}removed {{\n  from = sim_bucket.a\n  lifecycle {{ destroy = false }}\n}}\n"));
    world.apply();
    world.main(&format!(
        "{BUCKET}resource \"sim_bucket\" \"b\" {{\n  for_each = toset([\"x\"])\n  name = \"datasets\"\n}}\nimport {{\n  for_each = {{ x = {id} }}\n  to = sim_bucket.b[each.key]\n  identity = {{ id = each.value }}\n}}\n"
    ));
    let plan = world.plan();
    assert_eq!(plan.changes[0].importing, Some(Importing::Identity(identity.clone())));
    assert_eq!((plan.changes.len(), plan.changes[0].action), (1, Action::NoOp));
    world.apply_plan(&plan);
    let instance = &first(&world)["instances"][0];
    assert_eq!((&instance["identity"], &instance["identity_schema_version"]), (&identity, &json!(1)));
    assert!(!world.plan().has_changes());
}

#[test]
fn identities_that_find_nothing() {
    let cases = [
        ("sim_bucket", "identity = {}", "The identity of sim_bucket needs the attribute \"id\""),
        ("sim_bucket", "identity = { id = null }", "needs the attribute \"id\""),
        ("sim_bucket", "identity = { id = \"x\", colour = \"y\" }", "has no attribute \"colour\""),
        ("sim_bucket", "identity = \"x\"", "needs the attribute \"id\""),
        ("sim_bucket", "identity = { id = [1] }", "does not fit"),
        ("sim_bucket", "identity = { id = sensitive(\"x\") }", "sensitive"),
        ("sim_bucket", "identity = { id = terraform_data.b.id }", "known only after apply"),
        ("sim_bucket", "identity = { id = \"none\" }", "there is no sim_bucket with the id \"none\""),
        ("sim_volume", "identity = { id = \"x\" }", "no identity beside their ids"),
        ("sim_bucket", "id = \"x\"\n  provider = sim.other", "Invalid import provider argument"),
    ];
    for (type_name, by, expected) in cases {
        let block =
            if type_name == "sim_bucket" { "name = \"datasets\"" } else { "name = \"v\"\n  size_gb = 1" };
        let world = World::new(&format!(
            "{BUCKET}provider \"sim\" {{}}\nprovider \"sim\" {{\n  alias = \"other\"\n}}\nresource \"terraform_data\" \"b\" {{}}\nresource \"{type_name}\" \"a\" {{\n  {block}\n}}\nimport {{\n  to = {type_name}.a\n  {by}\n}}\n"
        ));
        let found = world.plan_mode(RunMode::Normal).err().unwrap_or_default();
        assert!(found.contains(expected), "{by}: {found}");
    }
}

/// A null resource in the state, and a configuration in which it is something else by now and to be replaced.
fn half_moved() -> World {
    let mut world = World::new(
        "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"reader\" { input = terraform_data.a.id }\n",
    );
    world.apply();
    edit(&world, |resource| {
        resource["type"] = json!("null_resource");
        resource["provider"] = json!("provider[\"registry.opentofu.org/hashicorp/null\"]");
        resource["instances"][0]["attributes"] = null_resource(&Value::Null);
    });
    world.main("resource \"terraform_data\" \"a\" {\n  triggers_replace = { a = \"c\" }\n}\nresource \"terraform_data\" \"reader\" { input = terraform_data.a.id }\nmoved {\n  from = null_resource.a\n  to   = terraform_data.a\n}\n");
    world
}

/// Wherever a run is cut off, the next one finds an object that it can read, and comes to the same end.
#[test]
fn a_crash_leaves_no_half_of_a_new_form() {
    for (at, kind) in [
        (FaultPoint::AfterFlush, "begin"),
        (FaultPoint::BeforeFlush, "refreshed"),
        (FaultPoint::AfterFlush, "refreshed"),
        (FaultPoint::AfterFlush, "intent"),
        (FaultPoint::AfterFlush, "done"),
    ] {
        for is_approved_again in [true, false] {
            let mut first = half_moved();
            let mut images = first.images(move |point, found| point == at && found == kind, World::apply);
            let mut world = World::new("");
            world.files.clone_from(&first.files);
            world.folder = images.swap_remove(0).folder;
            let open = run::open_plan(&world.folded()).unwrap().unwrap();
            let outcome = if is_approved_again { world.apply_plan(&open) } else { world.recover(&open) };
            let found = text(&outcome.diagnostics, &outcome.sources);
            assert!(!outcome.diagnostics.has_errors(), "{kind}: {found}");
            world.apply();
            assert_eq!(world.addresses(), ["terraform_data.a", "terraform_data.reader"], "{kind}");
            let again = world.plan();
            assert!(!again.has_changes() && again.rewrites.is_empty(), "{kind}");
        }
    }
}

/// What an object stands on is remembered as its block says it last, though nothing else of the object changed since.
#[test]
fn what_an_object_stands_on_is_kept_up_to_date() {
    let main = |edits: &str| {
        format!(
            "terraform {{\n  required_providers {{\n    sim = {{ source = \"formwork/sim\" }}\n  }}\n}}\n{edits}\n"
        )
    };
    let volume = |name: &str, count: u32| {
        format!(
            "resource \"sim_volume\" \"{name}\" {{\n  count   = {count}\n  name    = \"v\"\n  size_gb = 1\n}}\n"
        )
    };
    let reader = |name: &str| {
        format!("resource \"terraform_data\" \"reader\" {{\n  depends_on = [sim_volume.{name}]\n}}\n")
    };
    // The block is renamed while it has no object; then it gets one; the dependence comes later than both.
    for edits in [
        [volume("old", 0) + &reader("old"), volume("new", 1) + &reader("new")],
        [volume("new", 1) + "resource \"terraform_data\" \"reader\" {}\n", volume("new", 1) + &reader("new")],
    ] {
        let mut world = World::new(&main(&edits[0]));
        world.apply();
        world.main(&main(&edits[1]));
        world.apply();
        let again = world.plan();
        assert!(!again.has_changes() && again.rewrites.is_empty(), "{:?}", again.rewrites);
        let plan = world.plan_mode(RunMode::Destroy).unwrap();
        let delete = |address: &str| format!("delete {address}");
        assert!(is_before(&plan, &delete("terraform_data.reader"), &delete("sim_volume.new[0]")));
    }
}

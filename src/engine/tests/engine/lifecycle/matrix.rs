//! Every event in the life of an object, in every shape in which a block may stand, on the simulated datacentre.

use super::{lines, options};
use crate::world::{World, block, text};
use formwork_engine::run;
use formwork_provider_sim::{World as Datacentre, calls};
use formwork_state::{Address, ObjectKey, Record};
use formwork_value::Value;

const HEAD: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {
  quota = { volume_gb = 50 }
}
"#;

/// How a block stands: text with `NAME` for the block's name and `BODY` for its arguments, and an object's address.
struct Shape {
    name: &'static str,
    text: &'static str,
    /// The block as others name it; without it nothing else is renamed with it.
    address: &'static str,
    /// Its address below `removed` and `moved`.
    block: &'static str,
    module: bool,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "count",
        text: "resource \"sim_volume\" \"NAME\" {\n  count = 2\nBODY}\n",
        address: "sim_volume.NAME[1]",
        block: "sim_volume.NAME",
        module: false,
    },
    Shape {
        name: "for_each",
        text: "resource \"sim_volume\" \"NAME\" {\n  for_each = toset([\"k\", \"l\"])\nBODY}\n",
        address: "sim_volume.NAME[\"k\"]",
        block: "sim_volume.NAME",
        module: false,
    },
    Shape {
        name: "module",
        text: "module \"NAME\" {\n  source = \"./m\"\n}\n",
        address: "module.NAME.sim_volume.x",
        block: "module.NAME",
        module: true,
    },
    Shape {
        name: "dependency before",
        text: "resource \"terraform_data\" \"before\" {}\nresource \"sim_volume\" \"NAME\" {\n  depends_on = [terraform_data.before]\nBODY}\n",
        address: "sim_volume.NAME",
        block: "sim_volume.NAME",
        module: false,
    },
    Shape {
        name: "dependency after",
        text: "resource \"sim_volume\" \"NAME\" {\nBODY}\nresource \"terraform_data\" \"after\" {\n  input = sim_volume.NAME.id\n}\n",
        address: "sim_volume.NAME",
        block: "sim_volume.NAME",
        module: false,
    },
    Shape {
        name: "provider alias",
        text: "provider \"sim\" {\n  alias = \"two\"\n  quota = { volume_gb = 50 }\n}\nresource \"sim_volume\" \"NAME\" {\n  provider = sim.two\nBODY}\n",
        address: "sim_volume.NAME",
        block: "sim_volume.NAME",
        module: false,
    },
];

/// An event: what is done outside the configuration, the arguments after it, and what is planned for the object.
struct Event {
    name: &'static str,
    disturb: fn(&mut World, &Address),
    /// None where the block goes.
    body: Option<&'static str>,
    more: fn(&Shape) -> String,
    renamed: bool,
    expected: &'static str,
}

const BODY: &str = "  name = \"one\"\n  size_gb = 1\n";

fn nothing(_: &mut World, _: &Address) {}

fn no_more(_: &Shape) -> String {
    String::new()
}

const EVENTS: &[Event] = &[
    Event {
        name: "update",
        disturb: nothing,
        body: Some("  name = \"two\"\n  size_gb = 1\n"),
        more: no_more,
        renamed: false,
        expected: "update ADDRESS",
    },
    Event {
        name: "replace",
        disturb: nothing,
        body: Some("  name = \"one\"\n  size_gb = 1\n  class = \"hdd\"\n"),
        more: no_more,
        renamed: false,
        expected: "replace ADDRESS (replace because cannot update)",
    },
    Event {
        name: "replace the other way round",
        disturb: nothing,
        body: Some(
            "  name = \"one\"\n  size_gb = 1\n  class = \"hdd\"\n  lifecycle {\n    create_before_destroy = true\n  }\n",
        ),
        more: no_more,
        renamed: false,
        expected: "replace first ADDRESS (replace because cannot update)",
    },
    Event {
        name: "delete",
        disturb: nothing,
        body: None,
        more: no_more,
        renamed: false,
        expected: "delete ADDRESS",
    },
    Event {
        name: "forget",
        disturb: nothing,
        body: None,
        more: |shape| {
            let block = shape.block.replace("NAME", "x");
            format!("removed {{\n  from = {block}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n")
        },
        renamed: false,
        expected: "forget ADDRESS",
    },
    Event {
        name: "import",
        disturb: forget_in_state,
        body: Some(BODY),
        more: |shape| {
            format!("import {{\n  to = {}\n  id = \"ID\"\n}}\n", shape.address.replace("NAME", "x"))
        },
        renamed: false,
        expected: "keep ADDRESS as ID",
    },
    Event {
        name: "move",
        disturb: nothing,
        body: Some(BODY),
        more: |shape| {
            let (from, to) = (shape.block.replace("NAME", "x"), shape.block.replace("NAME", "y"));
            format!("moved {{\n  from = {from}\n  to = {to}\n}}\n")
        },
        renamed: true,
        expected: "keep ADDRESS from OLD",
    },
    Event {
        name: "taint",
        disturb: taint,
        body: Some(BODY),
        more: no_more,
        renamed: false,
        expected: "replace ADDRESS (replace because tainted)",
    },
    Event {
        name: "drift",
        disturb: |world, address| {
            let id = id_of(world, address);
            datacentre(world).set_attribute(&id, "name", &Value::from("other")).unwrap();
        },
        body: Some(BODY),
        more: no_more,
        renamed: false,
        expected: "update ADDRESS",
    },
    Event {
        name: "gone",
        disturb: |world, address| {
            let id = id_of(world, address);
            datacentre(world).remove_from_outside(&id).unwrap();
        },
        body: Some(BODY),
        more: no_more,
        renamed: false,
        expected: "create ADDRESS",
    },
];

fn datacentre(world: &World) -> Datacentre {
    Datacentre::open(&world.folder.path().join("sim-world.json")).unwrap()
}

fn id_of(world: &World, address: &Address) -> String {
    let object = world.folded().state.current(address).unwrap().clone();
    let attributes: serde_json::Value = serde_json::from_str(object.attributes.get()).unwrap();
    attributes["id"].as_str().unwrap().to_owned()
}

fn edit(world: &World, record: &Record) {
    let store = world.store();
    store.append(record).wait().unwrap();
    store.finish().unwrap();
}

fn forget_in_state(world: &mut World, address: &Address) {
    edit(world, &Record::Forgotten { key: ObjectKey::current(address.clone()), step: None });
}

fn taint(world: &mut World, address: &Address) {
    edit(world, &Record::Tainted { key: ObjectKey::current(address.clone()) });
}

fn write(world: &mut World, shape: &Shape, name: &str, body: Option<&str>, more: &str) {
    let body = body.unwrap_or_default();
    let head = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\n";
    let module = format!("{head}resource \"sim_volume\" \"x\" {{\n{body}}}\n");
    if shape.module {
        world.files.insert("m/main.tf".to_owned(), module.into_bytes());
    }
    let text =
        if body.is_empty() { String::new() } else { shape.text.replace("NAME", name).replace("BODY", body) };
    world.main(&format!("{HEAD}{text}{more}"));
}

fn perform(shape: &Shape, event: &Event) {
    let name = format!("{} of {}", event.name, shape.name);
    let mut world = World::new("");
    write(&mut world, shape, "x", Some(BODY), "");
    world.apply();
    let old: Address = shape.address.replace("NAME", "x").parse().unwrap();
    let address: Address =
        shape.address.replace("NAME", if event.renamed { "y" } else { "x" }).parse().unwrap();
    let id = id_of(&world, &old);
    (event.disturb)(&mut world, &old);
    let more = (event.more)(shape).replace("ID", &id);
    write(&mut world, shape, if event.renamed { "y" } else { "x" }, event.body, &more);
    let configuration = world.configuration();
    let folded = world.folded();
    let planning = block(run::plan(&world.environment(), &configuration, &folded, &options("")));
    assert!(
        !planning.diagnostics.has_errors(),
        "{name}: {}",
        text(&planning.diagnostics, &configuration.sources)
    );
    let expected = event
        .expected
        .replace("ADDRESS", &address.to_string())
        .replace("OLD", &old.to_string())
        .replace("ID", &id);
    let planned = lines(&planning.plan);
    assert!(
        planned
            .iter()
            .any(|line| *line == expected || line.starts_with(&format!("{expected} (delete because"))),
        "{name}: {expected} is not in {planned:?}"
    );
    let outcome = world.apply_plan(&planning.plan);
    assert!(!outcome.diagnostics.has_errors(), "{name}: {}", text(&outcome.diagnostics, &outcome.sources));
    let again = world.plan();
    assert!(!again.has_changes(), "{name}: planned again: {:?}", lines(&again));
    check_objects(&world, &name, event.name == "forget", event.name == "gone");
}

/// What stands and what is known are the same, but for what was forgotten or taken away from outside.
fn check_objects(world: &World, name: &str, is_forgotten: bool, is_gone: bool) {
    let made = calls::read(&world.folder.path().join("sim-world.json.calls")).unwrap();
    let summary = calls::Summary::new(&made);
    let state = std::fs::read_to_string(world.folder.path().join("terraform.tfstate")).unwrap();
    let known = calls::ids_in_state(&state).unwrap();
    assert_eq!(summary.lost(&known).next().is_some(), is_forgotten || is_gone, "{name}");
    assert_eq!(summary.missing(&known).next(), None, "{name}");
}

#[test]
fn every_event_in_every_shape() {
    for shape in SHAPES {
        for event in EVENTS {
            perform(shape, event);
        }
    }
}

/// A run that fails half-way keeps what it made, and the next one makes the rest.
#[test]
fn what_fails_half_way_is_finished_later() {
    for shape in SHAPES {
        let mut world = World::new("");
        let tight = HEAD.replace("volume_gb = 50", "volume_gb = 1");
        write(&mut world, shape, "x", Some("  name = \"one\"\n  size_gb = 2\n"), "");
        let main = String::from_utf8(world.files["main.tf"].clone()).unwrap();
        world.main(&main.replace(HEAD, &tight).replace("volume_gb = 50", "volume_gb = 1"));
        let plan = world.plan();
        let outcome = world.apply_plan(&plan);
        assert!(outcome.diagnostics.has_errors(), "{}: the quota is too small", shape.name);
        world.main(&main);
        world.apply();
        assert!(!world.plan().has_changes(), "{}", shape.name);
        check_objects(&world, shape.name, false, false);
    }
}

//! Ephemeral values and resources, and write-only attributes: open while a phase lasts, in no record, and refused where
//! they would be stored.

use crate::world::{World, text};
use formwork_engine::RunMode;
use formwork_engine::run;
use formwork_state::FaultPoint;
use std::sync::{Arc, Mutex};

const HEAD: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {}
"#;

/// A second provider configuration that works only while the token of the first is open, and a secret that it is told.
const WHOLE: &str = r#"
variable "password" {
  type      = string
  ephemeral = true
}

variable "version_of_it" {
  default = 1
}

locals {
  audience = "run"
}

ephemeral "sim_token" "run" {
  audience = local.audience
}

provider "sim" {
  alias = "closed"
  token = module.through.token
}

module "through" {
  source   = "./through"
  token    = ephemeral.sim_token.run.token
  password = var.password
}

resource "sim_secret" "key" {
  provider         = sim.closed
  name             = "key"
  value_wo         = module.through.password
  value_wo_version = var.version_of_it
}

resource "terraform_data" "after" {
  input = sim_secret.key.fingerprint
  provisioner "local-exec" {
    command     = "test \"$TOKEN\" != \"\" && echo used >> log"
    environment = { TOKEN = ephemeral.sim_token.run.token }
  }
}

output "is_nothing" {
  value = ephemeralasnull(var.password) == null
}
"#;

const THROUGH: &str = r#"
variable "token" {
  ephemeral = true
}
variable "password" {
  ephemeral = true
}
output "token" {
  value     = var.token
  ephemeral = true
}
output "password" {
  value     = var.password
  ephemeral = true
}
"#;

fn world() -> World {
    let mut world = World::new(&[HEAD, WHOLE].concat());
    world.files.insert("through/main.tf".to_owned(), THROUGH.as_bytes().to_vec());
    world.var("password", "hunter2");
    world
}

fn tokens(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.folder.path().join("sim-world.json.tokens")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// Every file of the folder as one text.
fn everything(world: &World) -> String {
    let files = std::fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect()
}

/// No token and no password stands in a text; a token is `t1.` and twelve digits.
fn assert_secret(text: &str, what: &str) {
    let is_token = |at: usize| {
        let rest = text[at..].trim_start_matches(|one: char| one.is_ascii_digit());
        rest.strip_prefix('.')
            .is_some_and(|rest| rest.len() >= 12 && rest.as_bytes()[..12].iter().all(u8::is_ascii_hexdigit))
    };
    let tokens = text.match_indices('t').filter(|(at, _)| is_token(at + 1)).count();
    assert!(tokens == 0 && !text.contains("hunter2"), "{what} holds a secret: {tokens} tokens");
}

#[test]
fn a_second_provider_and_a_secret_from_an_ephemeral_resource() {
    let mut world = world();
    let records: Arc<Mutex<String>> = Arc::default();
    let (kept, path) = (records.clone(), world.folder.path().join("terraform.tfstate.journal"));
    world.hook = Some(Arc::new(move |_, _: &str| {
        kept.lock().unwrap().push_str(&std::fs::read_to_string(&path).unwrap_or_default());
    }));
    let plan = world.plan();
    assert_eq!(tokens(&world), ["open t1", "close t1"], "open while the plan was made");
    assert_eq!(plan.summary().add, 2);
    assert!(plan.changes.iter().all(|change| change.address.type_name() != "sim_token"));
    let mut file = Vec::new();
    formwork_engine::plan_file::write(&plan, &mut file).unwrap();
    assert_secret(&String::from_utf8(file).unwrap(), "the plan file");
    let outcome = world.apply_plan(&plan);
    assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
    assert_eq!(tokens(&world)[2..], ["open t2", "close t2"], "opened anew while it was performed");
    assert_secret(&records.lock().unwrap(), "the journal");
    assert_secret(&everything(&world), "a file");
    assert_secret(&world.told.take().join("\n"), "an event");
    assert!(everything(&world).contains("used"), "the provisioner had the token");
    assert_eq!(world.folded().state.outputs["is_nothing"].value.get(), "true");
    let again = world.plan();
    assert!(!again.has_changes(), "{:?}", crate::world::actions(&again));
    world.var("password", "swordfish").var("version_of_it", "2");
    let plan = world.plan();
    assert_eq!(crate::world::actions(&plan), ["sim_secret.key Update", "terraform_data.after Update"]);
    world.apply_plan(&plan);
    world.destroy();
    assert!(world.addresses().is_empty());
    let open = tokens(&world).iter().filter(|line| line.starts_with("open")).count();
    assert_eq!(tokens(&world).iter().filter(|line| line.starts_with("close")).count(), open);
}

#[test]
fn one_that_is_not_known_yet_is_opened_by_apply() {
    let mut world = World::new(
        &[
            HEAD,
            r#"
resource "terraform_data" "name" { input = "run" }
ephemeral "sim_token" "run" {
  audience = terraform_data.name.id
}
provider "sim" {
  alias = "closed"
  token = ephemeral.sim_token.run.token
}
resource "sim_bucket" "data" {
  provider = sim.closed
  name     = "data"
}
"#,
        ]
        .concat(),
    );
    let plan = world.plan();
    assert!(tokens(&world).is_empty());
    assert_eq!(plan.stages.len(), 1, "its provider's objects wait for a later stage");
    assert!(plan.stages[0].envelope.iter().all(|entry| entry.block.type_name() == "sim_bucket"));
    world.apply();
    assert_eq!(world.addresses(), ["sim_bucket.data", "terraform_data.name"]);
    let found = tokens(&world);
    assert_eq!(found.iter().filter(|line| line.starts_with("open")).count() * 2, found.len(), "{found:?}");
    world.destroy();
    assert!(world.addresses().is_empty());
}

#[test]
fn they_are_closed_after_an_error_and_renewed_while_something_runs() {
    let main = r#"
ephemeral "sim_token" "run" {
  renew_after_ms = 50
}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command     = "sleep 0.2; exit 1"
    environment = { TOKEN = ephemeral.sim_token.run.token }
  }
}
"#;
    let mut world = World::new(&[HEAD, main].concat());
    let plan = world.plan();
    let outcome = world.apply_plan(&plan);
    assert!(outcome.diagnostics.has_errors());
    let found = tokens(&world);
    assert_eq!(found[2..3], ["open t2"]);
    assert_eq!(found[3..], ["renew t2", "close t2"], "{found:?}");
}

#[test]
fn where_they_would_be_stored_they_are_refused_with_their_place() {
    let variable = "variable \"in\" {\n  ephemeral = true\n  default   = \"x\"\n}\n";
    for (block, summary, place) in [
        (
            "resource \"sim_bucket\" \"b\" {\n  name = var.in\n}\n",
            "Ephemeral value used in non-ephemeral context",
            "main.tf line 14",
        ),
        (
            "data \"sim_image\" \"b\" {\n  name = \"a-${var.in}\"\n}\n",
            "Ephemeral value used in non-ephemeral context",
            "main.tf line 14",
        ),
        (
            "resource \"terraform_data\" \"b\" {\n  input = terraform.applying\n}\n",
            "Ephemeral value used in non-ephemeral context",
            "main.tf line 14",
        ),
        ("output \"o\" {\n  value = var.in\n}\n", "Output does not allow ephemeral value", "main.tf line 14"),
        (
            "module \"m\" {\n  source = \"./m\"\n  in     = var.in\n}\n",
            "Variable does not allow ephemeral value",
            "main.tf line 15",
        ),
        (
            "resource \"terraform_data\" \"b\" {\n  count = length(var.in)\n}\n",
            "Invalid count argument",
            "main.tf line 14",
        ),
        (
            "resource \"terraform_data\" \"b\" {\n  input = ephemeral.sim_token.t.id\n}\nephemeral \"sim_token\" \"t\" {}\n",
            "Ephemeral value used in non-ephemeral context",
            "main.tf line 14",
        ),
    ] {
        let mut world = World::new(&[HEAD, variable, block].concat());
        world.files.insert("m/main.tf".to_owned(), b"variable \"in\" {}\n".to_vec());
        let found = world.plan_mode(RunMode::Normal).unwrap_err();
        assert!(found.contains(summary) && found.contains(place), "{block}: {found}");
        let checked = run::validate(&world.environment(), &world.configuration());
        let checked = text(&checked, &world.configuration().sources);
        assert!(checked.contains(summary) || block.contains("count"), "validate: {block}: {checked}");
        let opened = tokens(&world);
        assert_eq!(opened.iter().filter(|line| line.starts_with("open")).count() * 2, opened.len());
    }
}

/// A crash with the secret's call in flight: its value is in no record, and is given again.
#[test]
fn a_step_with_a_write_only_value_is_taken_up_with_the_value_evaluated_again() {
    for (at, kind) in [
        (FaultPoint::AfterFlush, "intent"),
        (FaultPoint::AfterFlush, "accepted"),
        (FaultPoint::AfterFlush, "progress"),
        (FaultPoint::BeforeFlush, "accepted"),
    ] {
        let mut first = world();
        let mut images = first.images(move |point, found| point == at && found == kind, World::apply);
        let expected = first.folded().state.current(&"sim_secret.key".parse().unwrap()).cloned().unwrap();
        let image = images.swap_remove(0).folder;
        let mut world = world();
        world.folder = image;
        let mut plan = run::open_plan(&world.store().folded()).unwrap().unwrap();
        assert!(run::is_unchanged(&world.configuration(), &plan), "what is never stored is not compared");
        let missing = run::give_ephemeral(&mut plan, &world.given);
        assert!(!missing.has_errors());
        let outcome = world.apply_plan(&plan);
        assert!(
            !outcome.diagnostics.has_errors(),
            "{kind}: {}",
            text(&outcome.diagnostics, &outcome.sources)
        );
        let found = world.folded().state.current(&"sim_secret.key".parse().unwrap()).cloned().unwrap();
        assert_eq!(found.attributes.get(), expected.attributes.get(), "{kind}");
        assert_secret(&everything(&world), kind);
        assert!(!world.plan().has_changes());
    }
}

#[test]
fn a_saved_plan_asks_for_ephemeral_variables_again() {
    let mut world = world();
    let plan = world.plan();
    let mut file = Vec::new();
    formwork_engine::plan_file::write(&plan, &mut file).unwrap();
    let mut read = formwork_engine::plan_file::read(&file).unwrap();
    let nothing = indexmap::IndexMap::new();
    let found = run::give_ephemeral(&mut read, &nothing);
    let found = format!("{found:?}");
    assert!(
        found.contains("No value for required variable") && found.contains("is configured as ephemeral"),
        "{found}"
    );
    assert!(!run::give_ephemeral(&mut read, &world.given).has_errors());
    let outcome = world.apply_plan(&read);
    assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
}

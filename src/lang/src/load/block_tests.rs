//! Every block type of the language: what is read of it, and what each fault in it says.

use super::load;
use super::tests::{faults, load_files, shown};
use crate::module::{ImportBy, ProvisionerFailure, ProvisionerWhen};
use crate::scope::Mode;
use crate::source::MemorySource;
use formwork_diagnostic::Sources;

const WHOLE: &str = r#"
language {
  edition = tofu2024
  compatible_with {
    opentofu = ">= 1.12"
    another  = 5
  }
}

terraform {
  provider_meta "sim" {
    module = "x"
  }
  encryption {
    key_provider "pbkdf2" "main" {
      passphrase = "correct horse battery staple"
    }
    method "aes_gcm" "main" {
      keys = key_provider.pbkdf2.main
    }
    state {
      enforced = true
      method   = method.aes_gcm.main
      fallback {}
    }
    remote_state_data_sources {
      default {
        method = method.aes_gcm.main
      }
      remote_state_data_source "other" {}
    }
  }
}

variable "region" {
  const      = true
  deprecated = "Use zone."
  ephemeral  = false
}

provider "sim" {
  alias    = "by_region"
  for_each = toset(["a", "b"])
  seed     = each.key
  _ {
    lifecycle {}
    count = 3
  }
}

resource "sim_machine" "gpu" {
  for_each = toset(["a"])
  provider = sim.by_region[each.key]
  _ {
    count     = 2
    lifecycle = "special"
  }
  connection {
    host = self.address
  }
  provisioner "local-exec" {
    when       = destroy
    on_failure = continue
    command    = "echo ${self.id} ${each.key}"
    connection {
      host = "bastion"
    }
  }
  provisioner "file" {
    source = "x"
  }
  lifecycle {
    destroy              = false
    replace_triggered_by = [sim_machine.other[each.key].id]
  }
}

resource "sim_machine" "other" {
  lifecycle {
    enabled = var.region != ""
  }
}

ephemeral "sim_token" "login" {
  machine = sim_machine.other.id
}

check "health" {
  data "sim_status" "now" {
    token = ephemeral.sim_token.login.value
  }
  assert {
    condition     = data.sim_status.now.ok
    error_message = "Not well."
  }
}

moved {
  from = sim_machine.old[0]
  to   = module.child.sim_machine.old["x"]
}

moved {
  from = module.former
  to   = module.child["k"]
}

removed {
  from = module.child.sim_machine.gone
  lifecycle {
    destroy = false
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo ${self.id}"
  }
}

import {
  for_each = { a = "id-a" }
  to       = sim_machine.gpu[each.key]
  id       = each.value
  provider = sim.by_region["a"]
}

import {
  to       = sim_machine.other
  identity = { name = "x" }
}

module "child" {
  source    = "./child"
  providers = { sim = sim.by_region["a"] }
  lifecycle {
    enabled = true
  }
}

output "typed" {
  value      = "5"
  type       = number
  deprecated = "Use nothing."
  precondition {
    condition     = true
    error_message = "Never."
  }
}
"#;

#[test]
fn every_block_is_read() {
    let (module, diagnostics, sources) = load_files(&[("main.tf", WHOLE), ("child/main.tf", "")]);
    assert_eq!(shown(&diagnostics, &sources), Vec::<String>::new());
    let settings = &module.settings;
    assert_eq!(settings.required_version[0].0, ">= 1.12");
    assert_eq!(settings.provider_meta[0].provider, "sim");
    let encryption = settings.encryption.as_ref().expect("it is there");
    let state = encryption.state.as_ref().expect("it is there");
    assert_eq!((encryption.key_providers.len(), encryption.methods.len()), (1, 1));
    assert!(state.enforced && state.fallback.is_some() && encryption.remote_states.is_some());
    assert_eq!(encryption.remote_state.keys().map(ToString::to_string).collect::<Vec<_>>(), ["other"]);
    assert!(module.variables["region"].constant);
    let provider = &module.providers[0];
    assert!(provider.for_each.is_some() && provider.body.attribute("count").is_some());
    assert_eq!(provider.body.blocks()[0].kind, "lifecycle");

    let gpu = module.resource(Mode::Managed, "sim_machine", "gpu").expect("it is there");
    let names: Vec<&str> = gpu.body.just_attributes().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["count", "lifecycle"]);
    assert!(gpu.count.is_none() && gpu.connection.is_some());
    assert_eq!(gpu.provider.as_ref().map(ToString::to_string).as_deref(), Some("sim.by_region[...]"));
    let [first, second] = gpu.provisioners.as_slice() else { panic!("there are two") };
    assert_eq!((first.when, first.on_failure), (ProvisionerWhen::Destroy, ProvisionerFailure::Continue));
    assert_eq!((second.when, second.on_failure), (ProvisionerWhen::Create, ProvisionerFailure::Fail));
    assert!(first.connection.is_some() && first.body.attribute("when").is_none());
    assert_eq!((gpu.lifecycle.destroy, gpu.lifecycle.replace_triggered_by.len()), (Some(false), 1));
    let other = module.resource(Mode::Managed, "sim_machine", "other").expect("it is there");
    assert!(other.lifecycle.enabled.is_some());
    assert!(module.resource(Mode::Ephemeral, "sim_token", "login").is_some());

    let check = &module.checks["health"];
    let data = check.data.map(|place| &module.resources[place]).expect("it is there");
    assert_eq!((data.check.as_deref(), check.asserts.len()), (Some("health"), 1));
    let moved: Vec<(usize, bool)> =
        module.moved.iter().map(|one| (one.to.modules.len(), one.to.resource.is_some())).collect();
    assert_eq!(moved, [(1, true), (1, false)]);
    assert_eq!(format!("{:?}", module.moved[0].from.keys().next().and_then(|key| key.constant())), "Some(0)");
    let removed = &module.removed[0];
    assert_eq!((removed.destroy, removed.provisioners.len()), (false, 1));
    assert!(matches!(module.imports[0].by, ImportBy::Id(_)) && module.imports[0].provider.is_some());
    assert!(matches!(module.imports[1].by, ImportBy::Identity(_)));
    assert!(module.calls["child"].enabled.is_some() && module.calls["child"].providers[0].1.key.is_some());
    assert!(module.outputs["typed"].constraint.is_some());
}

/// A configuration and its one fault.
const FAULTS: &[(&str, &str)] = &[
    (
        "action \"a\" \"b\" {}\n",
        "main.tf:1 The \"action\" block is not supported [Run the command from a provisioner, or manage the thing itself as a resource.]",
    ),
    (
        "list \"a\" \"b\" {}\n",
        "main.tf:1 The \"list\" block is not supported [Name the objects to take over in import blocks.]",
    ),
    ("language {\n  edition = tofu2077\n}\n", "main.tf:2 Unsupported language edition"),
    (
        "language {\n  experiments = [x]\n}\n",
        "main.tf:2 Unknown experiment [Remove it: all of the language is stable.]",
    ),
    (
        "terraform {\n  encryption {\n    sate {}\n  }\n}\n",
        "main.tf:3 Unsupported block type [Did you mean \"state\"?]",
    ),
    (
        "terraform {\n  encryption {\n    method \"x\" {}\n  }\n}\n",
        "main.tf:3 Missing name for method [Write method \"TYPE\" \"NAME\" { ... }.]",
    ),
    ("terraform {\n  recover \"x\" {}\n}\n", "main.tf:2 Missing required argument"),
    (
        "terraform {\n  recover \"x\" {\n    import_id = local.y\n  }\n}\n",
        "main.tf:3 Invalid recover configuration",
    ),
    (
        "terraform {\n  recover \"x\" {\n    import_id = self.y\n  }\n  recover \"x\" {\n    import_id = self.y\n  }\n}\n",
        "main.tf:5 Duplicate recover block",
    ),
    ("moved {\n  from = a.b\n}\n", "main.tf:1 Missing required argument"),
    ("moved {\n  from = a.b\n  to   = module.m\n}\n", "main.tf:1 Invalid \"moved\" addresses"),
    ("moved {\n  from = data.a.b\n  to   = data.a.c\n}\n", "main.tf:2 Invalid \"moved\" addresses"),
    ("moved {\n  from = a.b[count.index]\n  to   = a.c\n}\n", "main.tf:2 Invalid address"),
    ("moved {\n  from = \"a.b\"\n  to   = a.c\n}\n", "main.tf:2 Invalid address"),
    ("moved {\n  from = a.b.c\n  to   = a.c\n}\n", "main.tf:2 Invalid address"),
    ("removed {\n  from = a.b[0]\n}\n", "main.tf:2 Invalid \"removed\" address"),
    ("removed {\n  from = data.a.b\n}\n", "main.tf:2 Invalid \"removed\" address"),
    (
        "removed {\n  from = a.b\n}\n",
        "main.tf:1 Removed block without lifecycle [Say it: lifecycle { destroy = false }, or true.]",
    ),
    (
        "removed {\n  from = a.b\n  lifecycle {\n    destroy = true\n  }\n}\nresource \"a\" \"b\" {}\n",
        "main.tf:2 Removed block still declared [Delete the declaration, or this block.]",
    ),
    (
        "removed {\n  from = a.b\n  provisioner \"local-exec\" {}\n  lifecycle {\n    destroy = true\n  }\n}\n",
        "main.tf:3 Invalid \"removed\" provisioner",
    ),
    ("import {\n  to = a.b\n}\n", "main.tf:1 Missing required argument"),
    ("import {\n  to = a.b\n  id = 1\n  identity = {}\n}\n", "main.tf:4 Invalid import block"),
    ("import {\n  to = module.m\n  id = 1\n}\n", "main.tf:2 Invalid import target"),
    (
        "import {\n  to = a.b[each.key]\n  id = 1\n}\n",
        "main.tf:2 Reference to \"each\" in context without for_each",
    ),
    ("check \"c\" {}\n", "main.tf:1 Missing assert block"),
    (
        "check \"c\" {\n  asert {}\n  assert {\n    condition = true\n    error_message = \"x\"\n  }\n}\n",
        "main.tf:2 Unsupported block type [Did you mean \"assert\"?]",
    ),
    (
        "check \"c\" {\n  data \"a\" \"b\" {\n    count = 1\n  }\n  assert {\n    condition = true\n    error_message = \"x\"\n  }\n}\n",
        "main.tf:3 Invalid data block",
    ),
    (
        "check \"c\" {\n  data \"a\" \"b\" {}\n  assert {\n    condition = true\n    error_message = \"x\"\n  }\n}\noutput \"o\" {\n  value = data.a.b.x\n}\n",
        "main.tf:9 Reference to scoped resource [Move the data block out of the check block to use it elsewhere.]",
    ),
    ("data \"a\" \"b\" {\n  provisioner \"x\" {}\n}\n", "main.tf:2 Unsupported block type"),
    (
        "ephemeral \"a\" \"b\" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n",
        "main.tf:3 Unsupported argument",
    ),
    ("output \"o\" {\n  value = ephemeral.a.b\n}\n", "main.tf:2 Reference to undeclared resource"),
    (
        "resource \"a\" \"b\" {\n  provisioner \"x\" {\n    when = destory\n  }\n}\n",
        "main.tf:3 Invalid \"when\" keyword [Did you mean \"destroy\"?]",
    ),
    (
        "variable \"v\" {}\nresource \"a\" \"b\" {\n  provisioner \"x\" {\n    when = destroy\n    a = var.v\n  }\n}\n",
        "main.tf:5 Invalid reference from destroy provisioner",
    ),
    (
        "resource \"a\" \"b\" {\n  count = 1\n  lifecycle {\n    enabled = true\n  }\n}\n",
        "main.tf:4 Invalid combination of \"enabled\" and \"count\"",
    ),
    (
        "resource \"a\" \"b\" {\n  lifecycle {\n    replace_triggered_by = [local.x]\n  }\n}\nlocals {\n  x = 1\n}\n",
        "main.tf:3 Invalid replace_triggered_by expression [To be replaced by the change of any value, keep it in a terraform_data resource and name that.]",
    ),
    ("resource \"a\" \"b\" {\n  x = 1\n  _ {\n    x = 2\n  }\n}\n", "main.tf:4 Attribute redefined"),
    (
        "provider \"a\" {\n  for_each = {}\n}\n",
        "main.tf:2 Alias required when using for_each [Add an alias argument.]",
    ),
    (
        "provider \"a\" {\n  count = 1\n}\n",
        "main.tf:2 Reserved name [If the provider has something of that name, put it in a block named _.]",
    ),
    ("provider \"a\" {\n  x = each.key\n}\n", "main.tf:2 Reference to \"each\" in context without for_each"),
    ("resource \"a\" \"b\" {\n  provider = a[0]\n}\n", "main.tf:2 Invalid provider configuration reference"),
];

#[test]
fn every_fault_in_a_block_has_its_place_and_its_words() {
    for (text, expected) in FAULTS {
        assert_eq!(faults(&[("main.tf", text), ("m/main.tf", "")]), [*expected], "{text}");
    }
}

#[test]
fn imports_belong_to_the_root() {
    let child = "import {\n  to = a.b\n  id = 1\n}\n";
    let source: MemorySource =
        [("main.tf", "module \"m\" {\n  source = \"./m\"\n}\n"), ("m/main.tf", child)].into_iter().collect();
    let mut sources = Sources::new();
    let (_, diagnostics) = load(&source, &mut sources);
    assert_eq!(shown(&diagnostics, &sources), ["m/main.tf:1 Invalid import configuration"]);
}

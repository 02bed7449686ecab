//! Module trees from files in memory: what is read, and what each fault says.

use super::{load, load_with};
use crate::module::{IgnoreChanges, Module};
use crate::scope::Mode;
use crate::source::{MemorySource, RecordingSource};
use formwork_diagnostic::{Diagnostics, Sources};
use std::sync::Arc;

pub(super) fn load_files(files: &[(&str, &str)]) -> (Arc<Module>, Diagnostics, Sources) {
    let source: MemorySource = files.iter().map(|(path, text)| (*path, *text)).collect();
    let mut sources = Sources::new();
    let (module, diagnostics) = load(&source, &mut sources);
    (module, diagnostics, sources)
}

/// Each finding as `file:line summary [hint]`.
pub(super) fn shown(diagnostics: &Diagnostics, sources: &Sources) -> Vec<String> {
    let show = |one: &formwork_diagnostic::Diagnostic| {
        let place = one.subject.and_then(|span| {
            let file = sources.get(span.file)?;
            Some(format!("{}:{} ", file.name(), file.position(span.start).line))
        });
        let hint = one.hint.as_ref().map(|hint| format!(" [{hint}]"));
        format!("{}{}{}", place.unwrap_or_default(), one.summary, hint.unwrap_or_default())
    };
    diagnostics.iter().map(show).collect()
}

pub(super) fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let (_, diagnostics, sources) = load_files(files);
    shown(&diagnostics, &sources)
}

const WHOLE: &str = r#"
terraform {
  required_version = ">= 1.8"
  required_providers {
    sim = {
      source                = "formwork/sim"
      version               = "~> 1.0"
      configuration_aliases = [sim.other]
    }
  }
  backend "file" {
    path = "x"
  }
}

variable "size" {
  type        = object({ gpus = number, kind = optional(string, "A100") })
  default     = { gpus = "2" }
  description = "How large"
  sensitive   = true
  nullable    = false
  validation {
    condition     = var.size.gpus > 0
    error_message = "None of ${var.size.kind}."
  }
}

locals {
  names = [for n in range(2) : "gpu-${n}"]
}

provider "sim" {
  seed = 1
}

provider "sim" {
  alias = "other"
}

resource "sim_machine" "gpu" {
  count    = var.size.gpus
  provider = sim.other
  name     = local.names[count.index]
  disk {
    size = 5
  }
  dynamic "disk" {
    for_each = toset(["a"])
    content {
      size = disk.value
    }
  }
  depends_on = [data.sim_image.base]
  lifecycle {
    create_before_destroy = true
    prevent_destroy       = var.size.gpus > 1
    ignore_changes        = [name, disk[0].size, tags["a"]]
    replace_triggered_by  = [data.sim_image.base.id]
    postcondition {
      condition     = self.name != ""
      error_message = "No name."
    }
  }
}

data "sim_image" "base" {}

module "child" {
  source    = "./modules/child"
  for_each  = { a = 1 }
  input     = each.value
  providers = { sim = sim.other }
}

output "all" {
  value      = [for key, child in module.child : child.id]
  sensitive  = true
  depends_on = [sim_machine.gpu]
}
"#;

#[test]
fn a_whole_module_is_read() {
    let child = "variable \"input\" {}\noutput \"id\" {\n  value = var.input\n}\n";
    let stub = "locals {\n  unused = 1\n}\n";
    let text = WHOLE.replace("range(2)", "[1, 2]").replace("toset([\"a\"])", "[\"a\"]");
    let (module, diagnostics, sources) = load_files(&[
        ("main.tf", text.as_str()),
        ("more.tf", stub),
        ("modules/child/main.tf", child),
        ("notes.txt", "{"),
    ]);
    assert_eq!(shown(&diagnostics, &sources), Vec::<String>::new());
    assert_eq!(module.settings.required_version[0].0, ">= 1.8");
    let required = &module.settings.required_providers["sim"];
    assert_eq!(
        (required.source.as_deref(), required.aliases[0].to_string()),
        (Some("formwork/sim"), "sim.other".into())
    );
    let variable = &module.variables["size"];
    assert_eq!(format!("{:?}", variable.default), "Some({\"gpus\": 2, \"kind\": \"A100\"})");
    assert_eq!((variable.sensitive, variable.nullable, variable.validations.len()), (true, false, 1));
    let resource = module.resource(Mode::Managed, "sim_machine", "gpu").expect("it is there");
    assert_eq!(resource.provider.as_ref().map(ToString::to_string).as_deref(), Some("sim.other"));
    assert_eq!(resource.lifecycle.create_before_destroy, Some(true));
    let IgnoreChanges::Paths(paths) = &resource.lifecycle.ignore_changes else { panic!("paths are ignored") };
    assert_eq!(
        paths.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(),
        [".name", ".disk[0].size", ".tags[\"a\"]"]
    );
    let names: Vec<String> = resource.body.references().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["local.names", "count.index"]);
    assert_eq!(resource.depends_on[0].to_string(), "data.sim_image.base");
    let call = &module.calls["child"];
    assert_eq!(
        (call.module.path.join("."), call.module.directory.as_str()),
        ("child".to_owned(), "modules/child")
    );
    assert_eq!(call.providers[0].1.to_string(), "sim.other");
    assert_eq!(module.outputs["all"].value.references()[0].to_string(), "module.child");
}

/// A configuration and its one fault; the folder `m` holds a module with an input and an output.
const FAULTS: &[(&str, &str)] = &[
    ("x = 1\n", "main.tf:1 Unsupported argument"),
    ("resorce \"a\" \"b\" {}\n", "main.tf:1 Unsupported block type [Did you mean \"resource\"?]"),
    (
        "resource \"a\" {}\n",
        "main.tf:1 Missing name for resource [Write resource \"TYPE\" \"NAME\" { ... }.]",
    ),
    ("variable \"a\" \"b\" {}\n", "main.tf:1 Extraneous label for variable"),
    ("variable \"1a\" {}\n", "main.tf:1 Invalid variable name"),
    ("variable \"count\" {}\n", "main.tf:1 Invalid variable name"),
    ("variable \"a\" {\n  typ = string\n}\n", "main.tf:2 Unsupported argument [Did you mean \"type\"?]"),
    (
        "variable \"a\" {\n  type = number\n  default = \"x\"\n}\n",
        "main.tf:3 Invalid default value for variable",
    ),
    (
        "variable \"a\" {\n  default = null\n  nullable = false\n}\n",
        "main.tf:2 Invalid default value for variable",
    ),
    (
        "variable \"a\" {\n  default = var.b\n}\n",
        "main.tf:2 Variables not allowed [A default is written as it stands; put what is computed into a local value.]",
    ),
    ("variable \"a\" {}\nvariable \"a\" {}\n", "main.tf:2 Duplicate variable declaration"),
    ("locals {\n  a = 1\n}\nlocals {\n  a = 2\n}\n", "main.tf:5 Duplicate local value definition"),
    ("output \"a\" {}\n", "main.tf:1 Missing required argument"),
    (
        "output \"a\" {\n  value = var.bc\n}\nvariable \"bcc\" {}\n",
        "main.tf:2 Reference to undeclared input variable [Did you mean \"bcc\"?]",
    ),
    (
        "output \"a\" {\n  value = var.b\n}\n",
        "main.tf:2 Reference to undeclared input variable [This variable can be declared with a variable \"b\" {} block.]",
    ),
    (
        "output \"a\" {\n  value = [local.nmae]\n}\nlocals {\n  name = 1\n}\n",
        "main.tf:2 Reference to undeclared local value [Did you mean \"name\"?]",
    ),
    (
        "output \"a\" {\n  value = a_b.x.id\n}\nresource \"a_b\" \"xy\" {}\n",
        "main.tf:2 Reference to undeclared resource [Did you mean \"a_b.xy\"?]",
    ),
    (
        "output \"a\" {\n  value = a_b.x.id\n}\ndata \"a_b\" \"x\" {}\n",
        "main.tf:2 Reference to undeclared resource [Did you mean data.a_b.x?]",
    ),
    ("output \"a\" {\n  value = module.m\n}\n", "main.tf:2 Reference to undeclared module"),
    (
        "output \"a\" {\n  value = lenght([])\n}\n",
        "main.tf:2 Call to unknown function [Did you mean \"length\"?]",
    ),
    (
        "output \"a\" {\n  value = each.key\n}\n",
        "main.tf:2 Reference to \"each\" in context without for_each",
    ),
    ("output \"a\" {\n  value = count.index\n}\n", "main.tf:2 Reference to \"count\" in non-counted context"),
    ("output \"a\" {\n  value = self.x\n}\n", "main.tf:2 Invalid \"self\" reference"),
    ("output \"a\" {\n  value = var\n}\n", "main.tf:2 Invalid reference"),
    (
        "resource \"a\" \"b\" {\n  count = 1\n  for_each = []\n}\n",
        "main.tf:3 Invalid combination of \"count\" and \"for_each\"",
    ),
    (
        "resource \"a\" \"b\" {}\nresource \"a\" \"b\" {}\n",
        "main.tf:2 Duplicate resource \"a\" configuration",
    ),
    (
        "resource \"a\" \"b\" {\n  provider = \"x\"\n}\n",
        "main.tf:2 Quoted references are deprecated [Write x without the quotes.]",
    ),
    ("resource \"a\" \"b\" {\n  provider = f()\n}\n", "main.tf:2 Invalid provider configuration reference"),
    ("resource \"a\" \"b\" {\n  depends_on = [\"x\"]\n}\n", "main.tf:2 Invalid expression"),
    (
        "resource \"a\" \"b\" {\n  depends_on = [\"a.c\"]\n}\nresource \"a\" \"c\" {}\n",
        "main.tf:2 Quoted references are deprecated [Write a.c without the quotes.]",
    ),
    (
        "resource \"a\" \"b\" {\n  depends_on = [a.c.d]\n}\nresource \"a\" \"c\" {}\n",
        "main.tf:2 Invalid depends_on reference [Write a.c.]",
    ),
    (
        "resource \"a\" \"b\" {\n  c = a.b.d\n}\n",
        "main.tf:2 Self-referential block [Put what both places need into a local value, and use that in both.]",
    ),
    (
        "resource \"a\" \"b\" {\n  count {}\n}\n",
        "main.tf:2 Unsupported block type [Did you mean to define argument \"count\"? If so, use the equals sign to assign it a value.]",
    ),
    (
        "resource \"a\" \"b\" {}\noutput \"o\" {\n  value = a.b[0].c\n}\n",
        "main.tf:3 Unexpected resource instance key",
    ),
    (
        "resource \"a\" \"b\" {\n  for_each = {}\n}\noutput \"o\" {\n  value = a.b.c\n}\n",
        "main.tf:5 Missing resource instance key [To take it from all instances as a list, write values(a.b)[*] in front of it.]",
    ),
    (
        "language {\n  compatible_with {\n    opentofu = \"< 1.2\"\n  }\n}\nfuture \"x\" {}\n",
        "main.tf:3 Incompatible module [Use a version of the module that is for this language, or change the constraint if you know that it works.]",
    ),
    (
        "terraform {\n  backend \"x\" {\n    a = b.c.d\n  }\n}\nresource \"b\" \"c\" {}\n",
        "main.tf:3 Value not known in advance [Only variables, locals and what is made of them may be used here.]",
    ),
    (
        "resource \"a\" \"b\" {\n  lifecycle {\n    prevent_destory = true\n  }\n}\n",
        "main.tf:3 Unsupported argument [Did you mean \"prevent_destroy\"?]",
    ),
    (
        "resource \"a\" \"b\" {\n  lifecycle {\n    ignore_changes = [f()]\n  }\n}\n",
        "main.tf:3 Invalid ignore_changes item [To ignore all changes, write ignore_changes = all.]",
    ),
    ("provider \"a\" {}\nprovider \"a\" {}\n", "main.tf:2 Duplicate provider configuration"),
    (
        "terraform {\n  cloud {}\n}\n",
        "main.tf:2 Cloud block not supported [Use a \"backend\" block to say where the state is kept.]",
    ),
    ("module \"m\" {}\n", "main.tf:1 Missing required argument"),
    ("module \"m\" {\n  source = \"registry/x/y\"\n}\n", "main.tf:2 Module not installed"),
    ("module \"m\" {\n  source = \"registry/x\"\n}\n", "main.tf:2 Invalid module source address"),
    (
        "module \"m\" {\n  source = \"github.com/x/y\"\n  version = \"1.0.0\"\n}\n",
        "main.tf:3 Invalid module version [Name the version in the address, as ?ref=... of a git address does.]",
    ),
    ("module \"m\" {\n  source = \"./none\"\n}\n", "main.tf:2 Unreadable module directory"),
    ("module \"m\" {\n  source = \"./m\"\n}\n", "main.tf:1 Missing required argument"),
    (
        "module \"m\" {\n  source = \"./m\"\n  need = 1\n  neeed = 1\n}\n",
        "main.tf:4 Unsupported argument [Did you mean \"need\"?]",
    ),
    (
        "module \"m\" {\n  source = \"./m\"\n  need = 1\n}\noutput \"o\" {\n  value = module.m.ot\n}\n",
        "main.tf:6 Unsupported attribute [Did you mean \"out\"?]",
    ),
    ("module \"m\" {\n  source = \"./\"\n}\n", "main.tf:2 Module calls itself"),
    (
        "module \"m\" {\n  source = \"./p\"\n  count = 2\n  providers = {\n    x.other = x\n  }\n}\n",
        "main.tf:3 Module is incompatible with count [Move the provider block to the root module and pass it in with the providers argument.]",
    ),
    (
        "module \"m\" {\n  source = \"./p\"\n}\n",
        "main.tf:1 Missing required provider configuration [Add providers = { x.other = ... } to the call.]",
    ),
];

#[test]
fn every_fault_has_its_place_and_its_words() {
    for (text, expected) in FAULTS {
        let child = "variable \"need\" {}\noutput \"out\" {\n  value = 1\n}\n";
        let own = "terraform {\n  required_providers {\n    x = {\n      configuration_aliases = [x.other]\n    }\n  }\n}\nprovider \"x\" {\n  y = 1\n}\n";
        let files = [("main.tf", *text), ("m/main.tf", child), ("p/main.tf", own)];
        assert_eq!(faults(&files), [*expected], "{text}");
    }
}

#[test]
fn faults_of_several_files_are_gathered() {
    let found = faults(&[
        ("a.tf", "locals {\n  a = \n  b = (\n}\nresource \"x\" \"y\" {\n  a = [1\n}\n"),
        ("b.tf", "variable \"v\" {\n  default = \"unclosed\n}\noutput \"o\" {\n  value = var.v +\n}\n"),
        ("c.tf", "locals {\n  c = var.nope\n}\n"),
    ]);
    assert_eq!(
        found,
        [
            "a.tf:2 Invalid expression",
            "a.tf:4 Invalid expression",
            "a.tf:7 Missing item separator",
            "b.tf:2 Invalid multi-line string",
            "b.tf:5 Invalid expression",
            "c.tf:2 Reference to undeclared input variable [This variable can be declared with a variable \"nope\" {} block.]",
        ]
    );
}

/// A configuration with a module in `m`, whose source is written with values, and what is found.
const EARLY: &[(&str, &[&str])] = &[
    ("variable \"where\" {\n  default = \"m\"\n}\nmodule \"a\" {\n  source = \"./${var.where}\"\n}\n", &[]),
    (
        "module \"a\" {\n  source = local.a\n}\nlocals {\n  a = join(\"\", [\"./\", local.b])\n  b = \"m\"\n}\n",
        &[],
    ),
    (
        "module \"a\" {\n  source = local.a\n}\nlocals {\n  a = local.b\n  b = local.a\n}\n",
        &["main.tf:2 Cycle"],
    ),
    (
        "module \"a\" {\n  source = a.b.id\n}\nresource \"a\" \"b\" {}\n",
        &[
            "main.tf:2 Value not known in advance [Only variables, locals and what is made of them may be used here.]",
        ],
    ),
    (
        "module \"a\" {\n  source = \"./c\"\n  inner = \"../m\"\n}\nmodule \"b\" {\n  source = \"./c\"\n  inner = \"./none\"\n}\n",
        &["c/main.tf:5 Unreadable module directory"],
    ),
    (
        "module \"a\" {\n  source = \"./c\"\n  inner = a.b.id\n}\nresource \"a\" \"b\" {}\n",
        &[
            "main.tf:3 Value not known in advance [Only variables, locals and what is made of them may be used here.]",
        ],
    ),
    (
        "module \"a\" {\n  source = \"./m\"\n  old = 1\n}\noutput \"o\" {\n  value = module.a.old\n}\n",
        &["main.tf:3 Variable is deprecated", "main.tf:6 Output is deprecated"],
    ),
];

/// A text with one brace or quote too few or too many, and all that is said of it.
const UNBALANCED: &[(&str, &[&str])] = &[
    (
        "variable \"a\" {\n  default = 1\noutput \"o\" {\n  value = var.a\n}\noutput \"p\" {\n  value = var.a\n}\n",
        &["main.tf:1 Unclosed configuration block"],
    ),
    (
        "resource \"a\" \"b\" {\n  lifecycle {\n    destroy = true\n}\noutput \"o\" {\n  value = a.b.c\n}\n",
        &["main.tf:1 Unclosed configuration block"],
    ),
    (
        "variable \"a\" {\n  default = {\n    x = 1\n}\noutput \"o\" {\n  value = [var.a, local.x]\n}\nlocals {\n  x = 1\n}\n",
        &["main.tf:1 Unclosed configuration block"],
    ),
    (
        "variable \"a\" {\n}\n}\noutput \"o\" {\n  value = var.a\n}\n",
        &["main.tf:3 Argument or block definition required"],
    ),
    ("check \"c\" {\ndata \"a\" \"b\" {\n}\nassert {\ncondition = true\nerror_message = \"x\"\n}\n}\n", &[]),
    (
        "variable \"a\" {\n  default = [1, 2\n}\noutput \"o\" {\n  value = var.a\n}\n",
        &["main.tf:3 Missing item separator"],
    ),
];

#[test]
fn one_missing_brace_is_one_fault() {
    for (text, expected) in UNBALANCED {
        assert_eq!(faults(&[("main.tf", text)]), *expected, "{text}");
    }
}

#[test]
fn sources_may_be_written_with_values() {
    let m = "variable \"old\" {\n  default = 1\n  deprecated = \"Leave it out.\"\n}\noutput \"old\" {\n  value = 1\n  deprecated = \"No more.\"\n}\n";
    let c = "variable \"inner\" {\n  const = true\n}\nmodule \"deep\" {\n  source = var.inner\n}\n";
    for (text, expected) in EARLY {
        assert_eq!(faults(&[("main.tf", text), ("m/main.tf", m), ("c/main.tf", c)]), *expected, "{text}");
    }
    let source: MemorySource =
        [("main.tf", "variable \"w\" {}\nmodule \"a\" {\n  source = \"./${var.w}\"\n}\n"), ("m/x.tf", "")]
            .into_iter()
            .collect();
    let mut sources = Sources::new();
    let variables = [("w".into(), "m".into())].into_iter().collect();
    let (module, diagnostics) = load_with(&source, &mut sources, Some(&variables));
    assert!(diagnostics.is_empty() && module.uses_variables && module.calls.contains_key("a"));
}

#[test]
fn a_folder_called_twice_is_read_once() {
    let source: MemorySource = [
        ("main.tf", "module \"a\" {\n  source = \"./m\"\n}\nmodule \"b\" {\n  source = \"./m\"\n}\n"),
        ("m/main.tf", "module \"deep\" {\n  source = \"../n\"\n}\n"),
        ("n/x.tf", "locals {\n  a = var.nope\n}\n"),
    ]
    .into_iter()
    .collect();
    let recording = RecordingSource::new(&source);
    let mut sources = Sources::new();
    let (module, diagnostics) = load(&recording, &mut sources);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(sources.iter().count(), 3);
    let deep = module.descendant(&["b".into(), "deep".into()]).expect("it is there");
    assert_eq!((deep.path.join("."), deep.directory.as_str()), ("b.deep".to_owned(), "n"));
    assert_eq!(recording.recorded(), source);
}

#[test]
fn a_tofu_file_shadows_its_namesake() {
    let (module, diagnostics, _) =
        load_files(&[("a.tf", "locals {\n  a = 1\n}\n"), ("a.tofu", "locals {\n  b = 1\n}\n")]);
    assert!(diagnostics.is_empty());
    assert_eq!(module.locals.keys().map(ToString::to_string).collect::<Vec<_>>(), ["b"]);
}

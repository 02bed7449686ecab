//! What the language itself knows about bodies in JSON: which properties are blocks, with how many labels, and which
//! strings are names rather than templates.
//!
//! Invariant: a property that no shape knows is an argument; where its value could as well be blocks, that is decided
//! by the schema when the body is decoded.

/// What is known of one kind of body.
pub(crate) struct Shape {
    /// Block types: name, number of labels, what is known of their bodies.
    pub(super) blocks: &'static [(&'static str, usize, &'static Shape)],
    /// How strings in arguments are read; other arguments are templates.
    pub(super) strings: &'static [(&'static str, Strings)],
    /// Whether arguments that are objects may turn out to be blocks.
    pub(super) is_open: bool,
}

/// How strings in an argument are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strings {
    /// Text with sequences.
    Template,
    /// Text as it stands.
    Literal,
    /// Names: `aws_instance.a`, `list(string)`.
    Expression,
    /// A required provider: text as it stands, but for the names of its aliases.
    RequiredProvider,
}

use Strings::{Expression, Literal, RequiredProvider};

const fn closed(blocks: &'static [(&'static str, usize, &'static Shape)]) -> Shape {
    Shape { blocks, strings: &[], is_open: false }
}

/// A whole file.
pub(crate) static FILE: Shape = closed(&[
    ("terraform", 0, &TERRAFORM),
    ("language", 0, &LANGUAGE),
    ("variable", 1, &VARIABLE),
    ("locals", 0, &PLAIN),
    ("output", 1, &OUTPUT),
    ("provider", 1, &PROVIDER),
    ("resource", 2, &RESOURCE),
    ("data", 2, &RESOURCE),
    ("ephemeral", 2, &RESOURCE),
    ("module", 1, &MODULE),
    ("check", 1, &CHECK),
    ("moved", 0, &MOVED),
    ("removed", 0, &REMOVED),
    ("import", 0, &IMPORT),
    ("action", 2, &OPEN),
    ("list", 2, &OPEN),
]);

static PLAIN: Shape = closed(&[]);

static OPEN: Shape = Shape { blocks: &[("dynamic", 1, &DYNAMIC)], strings: &[], is_open: true };

static DYNAMIC: Shape =
    Shape { blocks: &[("content", 0, &OPEN)], strings: &[("iterator", Expression)], is_open: false };

static TERRAFORM: Shape = Shape {
    blocks: &[
        ("required_providers", 0, &REQUIRED_PROVIDERS),
        ("backend", 1, &OPEN),
        ("cloud", 0, &OPEN),
        ("provider_meta", 1, &OPEN),
        ("encryption", 0, &ENCRYPTION),
        ("recover", 1, &RECOVER),
    ],
    strings: &[("experiments", Expression), ("required_version", Literal)],
    is_open: false,
};

static RECOVER: Shape = Shape { blocks: &[], strings: &[("import_id", Expression)], is_open: false };

static REQUIRED_PROVIDERS: Shape = Shape { blocks: &[], strings: &[("*", RequiredProvider)], is_open: false };

/// What an `encryption` block holds.
pub(crate) static ENCRYPTION: Shape = closed(&[
    ("key_provider", 2, &OPEN),
    ("method", 2, &OPEN),
    ("state", 0, &ENCRYPTION_TARGET),
    ("plan", 0, &ENCRYPTION_TARGET),
    ("remote_state_data_sources", 0, &REMOTE_STATES),
]);

static ENCRYPTION_TARGET: Shape =
    Shape { blocks: &[("fallback", 0, &ENCRYPTION_TARGET)], strings: &[], is_open: false };

static REMOTE_STATES: Shape =
    closed(&[("default", 0, &ENCRYPTION_TARGET), ("remote_state_data_source", 1, &ENCRYPTION_TARGET)]);

static LANGUAGE: Shape = Shape {
    blocks: &[("compatible_with", 0, &PLAIN)],
    strings: &[("edition", Expression), ("experiments", Expression)],
    is_open: false,
};

static VARIABLE: Shape = Shape {
    blocks: &[("validation", 0, &PLAIN)],
    strings: &[("type", Expression), ("default", Literal), ("description", Literal), ("deprecated", Literal)],
    is_open: false,
};

static OUTPUT: Shape = Shape {
    blocks: &[("precondition", 0, &PLAIN)],
    strings: &[
        ("type", Expression),
        ("depends_on", Expression),
        ("description", Literal),
        ("deprecated", Literal),
    ],
    is_open: false,
};

static PROVIDER: Shape =
    Shape { blocks: &[("_", 0, &OPEN), ("dynamic", 1, &DYNAMIC)], strings: &[], is_open: true };

static RESOURCE: Shape = Shape {
    blocks: &[
        ("lifecycle", 0, &LIFECYCLE),
        ("connection", 0, &PLAIN),
        ("provisioner", 1, &PROVISIONER),
        ("dynamic", 1, &DYNAMIC),
        ("_", 0, &OPEN),
    ],
    strings: &[("provider", Expression), ("depends_on", Expression)],
    is_open: true,
};

static LIFECYCLE: Shape = Shape {
    blocks: &[("precondition", 0, &PLAIN), ("postcondition", 0, &PLAIN)],
    strings: &[("ignore_changes", Expression), ("replace_triggered_by", Expression)],
    is_open: false,
};

static PROVISIONER: Shape = Shape {
    blocks: &[("connection", 0, &PLAIN), ("_", 0, &OPEN)],
    strings: &[("when", Expression), ("on_failure", Expression), ("on_crash", Expression)],
    is_open: true,
};

static MODULE: Shape = Shape {
    blocks: &[("lifecycle", 0, &LIFECYCLE), ("_", 0, &PLAIN)],
    strings: &[("providers", Expression), ("depends_on", Expression)],
    is_open: false,
};

static CHECK: Shape = closed(&[("data", 2, &RESOURCE), ("assert", 0, &PLAIN)]);

static MOVED: Shape =
    Shape { blocks: &[], strings: &[("from", Expression), ("to", Expression)], is_open: false };

static REMOVED: Shape = Shape {
    blocks: &[("lifecycle", 0, &PLAIN), ("provisioner", 1, &PROVISIONER), ("connection", 0, &PLAIN)],
    strings: &[("from", Expression)],
    is_open: false,
};

static IMPORT: Shape =
    Shape { blocks: &[], strings: &[("to", Expression), ("provider", Expression)], is_open: false };

/// A test file, or a file of mocks.
pub(crate) static TEST_FILE: Shape = closed(&[
    ("test", 0, &PLAIN),
    ("variables", 0, &PLAIN),
    ("provider", 1, &PROVIDER),
    ("run", 1, &RUN),
    ("mock_provider", 1, &MOCK_PROVIDER),
    ("mock_resource", 1, &MOCK_KIND),
    ("mock_data", 1, &MOCK_KIND),
    ("override_resource", 0, &OVERRIDE),
    ("override_data", 0, &OVERRIDE),
    ("override_module", 0, &OVERRIDE),
]);

static RUN: Shape = Shape {
    blocks: &[
        ("plan_options", 0, &PLAN_OPTIONS),
        ("assert", 0, &PLAIN),
        ("variables", 0, &PLAIN),
        ("module", 0, &PLAIN),
        ("override_resource", 0, &OVERRIDE),
        ("override_data", 0, &OVERRIDE),
        ("override_module", 0, &OVERRIDE),
    ],
    strings: &[("command", Expression), ("providers", Expression), ("expect_failures", Expression)],
    is_open: false,
};

static PLAN_OPTIONS: Shape = Shape {
    blocks: &[],
    strings: &[("mode", Expression), ("replace", Expression), ("target", Expression)],
    is_open: false,
};

static MOCK_PROVIDER: Shape = Shape {
    blocks: &[
        ("mock_resource", 1, &MOCK_KIND),
        ("mock_data", 1, &MOCK_KIND),
        ("override_resource", 0, &OVERRIDE),
        ("override_data", 0, &OVERRIDE),
    ],
    strings: &[("override_during", Expression)],
    is_open: false,
};

static MOCK_KIND: Shape = Shape { blocks: &[], strings: &[("override_during", Expression)], is_open: false };

static OVERRIDE: Shape = Shape {
    blocks: &[],
    strings: &[("target", Expression), ("override_during", Expression)],
    is_open: false,
};

impl Shape {
    pub(super) fn block(&self, name: &str) -> Option<(usize, &'static Shape)> {
        self.blocks.iter().find(|(known, ..)| *known == name).map(|(_, labels, shape)| (*labels, *shape))
    }

    pub(super) fn strings_of(&self, name: &str) -> Strings {
        let found = self.strings.iter().find(|(known, _)| *known == name || *known == "*");
        found.map_or(Strings::Template, |(_, strings)| *strings)
    }

    /// Whether bodies of this kind have blocks of a type.
    pub(crate) fn has_block(&self, name: &str) -> bool {
        self.block(name).is_some()
    }

    /// What is known of blocks that only a schema names.
    pub(super) fn open() -> &'static Self {
        &OPEN
    }
}

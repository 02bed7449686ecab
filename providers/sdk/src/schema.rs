//! What a provider offers, as one table.

use arcstr::ArcStr;
use formwork_value::{Type, Value};
use indexmap::IndexMap;

/// Everything a provider offers.
#[derive(Debug, Clone, Default)]
pub struct ProviderSchema {
    /// The `provider` block.
    pub configuration: Block,
    /// Resource kinds by type name.
    pub resources: IndexMap<ArcStr, KindSchema>,
    /// Data sources by type name.
    pub data_sources: IndexMap<ArcStr, KindSchema>,
    /// Ephemeral resource kinds by type name.
    pub ephemeral_resources: IndexMap<ArcStr, KindSchema>,
    /// Functions by name.
    pub functions: IndexMap<ArcStr, FunctionSchema>,
}

/// Which stored objects a provider is asked for today's form of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrades {
    /// Those that an older version of the kind stored.
    Older,
    /// Every one: the provider may change the form without a change of its version.
    All,
}

/// One resource kind or data source.
#[derive(Debug, Clone)]
pub struct KindSchema {
    /// Version of the stored form; a higher one calls [`crate::Request::Upgrade`].
    pub version: u64,
    /// Arguments and attributes.
    pub block: Block,
    /// What tells its objects apart beside their ids; none where only ids do.
    pub identity: Option<IdentitySchema>,
    /// One line of documentation.
    pub doc: &'static str,
    /// A whole configuration that uses it, for whoever reads its documentation.
    pub example: &'static str,
    /// What an import takes as the id, in words; empty where none can be imported.
    pub import_id: &'static str,
    /// Whether deleting an object loses data: rollback refuses it unless allowed.
    pub holds_data: bool,
    /// What a change of an object disrupts.
    pub disruption: Disruption,
    /// How an apply whose outcome is unknown is taken up again.
    pub recovery: Recovery,
    /// Whether objects die with what their provider is configured from (objects in a cluster die with it).
    pub dies_with_container: bool,
    /// What reading needs, in the target's own words.
    pub read_permissions: Vec<Permission>,
    /// What writing needs, in the target's own words.
    pub write_permissions: Vec<Permission>,
    /// Whether [`crate::Request::List`] is offered.
    pub can_list: bool,
    /// Which stored objects the provider is asked for today's form of.
    pub upgrades: Upgrades,
    /// Milliseconds that create, update and delete may take unless `timeouts` says otherwise.
    pub time_limit_ms: u64,
}

impl KindSchema {
    /// A kind with a block and a doc line, `NaturalKey` recovery and no further claims; adjust the fields after.
    pub fn new(block: Block, doc: &'static str) -> Self {
        Self {
            version: 0,
            block,
            identity: None,
            doc,
            example: "",
            import_id: "",
            holds_data: false,
            disruption: Disruption::None,
            recovery: Recovery::NaturalKey,
            dies_with_container: false,
            read_permissions: Vec::new(),
            write_permissions: Vec::new(),
            can_list: false,
            upgrades: Upgrades::Older,
            time_limit_ms: 20 * 60 * 1000,
        }
    }
}

/// What tells objects of a kind apart, whatever their ids look like: an import may name it, and the state keeps it.
#[derive(Debug, Clone)]
pub struct IdentitySchema {
    /// Version of the stored form.
    pub version: u64,
    /// Its attributes by name.
    pub attributes: IndexMap<ArcStr, IdentityAttribute>,
    /// Whether the provider tells it beside each object, instead of its being read from the object.
    pub is_told: bool,
}

/// One attribute of an identity.
#[derive(Debug, Clone)]
pub struct IdentityAttribute {
    /// Its type.
    pub value_type: Type,
    /// Whether an import must give it.
    pub is_required: bool,
    /// Where an object has it: attributes from the object's root.
    pub source: &'static [&'static str],
    /// One line of documentation.
    pub doc: &'static str,
}

impl IdentityAttribute {
    /// A text that an import must give.
    pub fn required(source: &'static [&'static str], doc: &'static str) -> Self {
        Self { value_type: Type::String, is_required: true, source, doc }
    }

    /// A text that an import may give.
    pub fn optional(source: &'static [&'static str], doc: &'static str) -> Self {
        Self { is_required: false, ..Self::required(source, doc) }
    }

    fn of(&self, object: &Value) -> Value {
        let found = self.source.iter().try_fold(object, |at, name| at.get(name));
        let found = found.filter(|found| !found.is_null() && found.is_known());
        found.cloned().unwrap_or_else(|| Value::null(self.value_type.clone()))
    }
}

impl IdentitySchema {
    /// An identity of attributes.
    pub fn new<N: Into<ArcStr>>(
        version: u64,
        attributes: impl IntoIterator<Item = (N, IdentityAttribute)>,
    ) -> Self {
        let attributes = attributes.into_iter().map(|(name, attribute)| (name.into(), attribute));
        Self { version, attributes: attributes.collect(), is_told: false }
    }

    /// The type of its values.
    pub fn object_type(&self) -> Type {
        Type::object(self.attributes.iter().map(|(name, one)| (name.clone(), one.value_type.clone())))
    }

    /// The identity of an object (marks off); none while something required of it is not known, or where only the
    /// provider tells it.
    pub fn of(&self, object: &Value) -> Option<Value> {
        if self.is_told {
            return None;
        }
        let parts = self.attributes.iter().map(|(name, one)| {
            let value = one.of(object);
            (!one.is_required || !value.is_null()).then(|| (name.clone(), value))
        });
        parts.collect::<Option<_>>().map(Value::object)
    }
}

/// How an apply whose outcome is unknown is taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// The target honours the token: the same call again gives the same object.
    Replay,
    /// The token or an owner mark is stored on the object: found by [`crate::Request::Find`].
    Find,
    /// The name is unique: [`crate::Request::Find`] reads it and checks the owner mark.
    NaturalKey,
    /// What was there before is read again. What was to be made is imported, by an id that somebody said how to come by
    /// or by the identity that was planned, and held against the plan: [`crate::Request::Find`]. Where there is
    /// neither, it is as with [`Recovery::Ask`].
    Import,
    /// Nobody can know: say so, and block only that subtree.
    Ask,
}

/// What a change of an object disrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// Nothing that runs.
    None,
    /// What runs on the object restarts.
    Restart,
    /// Whatever depends on the object stops.
    Outage,
}

/// One right in the target's own words: RBAC verb and resource, IAM action, policy rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission(pub String);

/// Attributes and nested blocks.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Attributes by name.
    pub attributes: IndexMap<ArcStr, Attribute>,
    /// Nested blocks by name.
    pub blocks: IndexMap<ArcStr, NestedBlock>,
    /// Documentation; a kind's own stands in its schema.
    pub doc: &'static str,
    /// Whether the documentation is Markdown.
    pub is_markdown: bool,
    /// What to use instead, when it should not be used; empty where its maker does not say.
    pub deprecated: Option<&'static str>,
}

/// One attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its type; optional attributes of objects in it may be left out, and are null then.
    pub value_type: Type,
    /// What its objects are made of, where some of that is computed or optional by itself; it has no blocks, and the
    /// type says the same.
    pub nested: Option<Box<NestedBlock>>,
    /// Who gives it.
    pub presence: Presence,
    /// Whether it is never shown.
    pub sensitive: bool,
    /// The argument that it repeats: what is sensitive there is sensitive here.
    pub echoes: Option<&'static str>,
    /// The argument that it most looks like: what stands in for a provider gives it that value.
    pub resembles: Option<&'static str>,
    /// Whether it is sent but never stored.
    pub write_only: bool,
    /// What to use instead, when it should not be used; empty where its maker does not say.
    pub deprecated: Option<&'static str>,
    /// What a change of it does.
    pub change: Change,
    /// The value when the configuration gives none; such an attribute is optional and computed.
    pub default: Option<Value>,
    /// One line of documentation.
    pub doc: &'static str,
    /// Whether the documentation is Markdown.
    pub is_markdown: bool,
}

/// Who gives an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The configuration must.
    Required,
    /// The configuration may; else it is null.
    Optional,
    /// The provider does.
    Computed,
    /// The configuration may; else the provider does.
    OptionalComputed,
}

/// What a change of an attribute does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The object is updated in place.
    Update,
    /// The object is replaced.
    Replace,
}

/// A nested block.
#[derive(Debug, Clone)]
pub struct NestedBlock {
    /// How often it stands and what collection it makes.
    pub nesting: Nesting,
    /// What is inside.
    pub block: Block,
    /// At least so many.
    pub min_items: u32,
    /// At most so many; 0 for no limit.
    pub max_items: u32,
}

impl NestedBlock {
    /// The block `timeouts`: what the engine lets an operation take, where it is not the kind's own limit.
    #[must_use]
    pub fn timeouts() -> Self {
        let block = Block::new([
            ("create", Attribute::optional(Type::String, "How long a create may take: `10m`.")),
            ("read", Attribute::optional(Type::String, "How long a read is tried again.")),
            ("update", Attribute::optional(Type::String, "How long an update may take.")),
            ("delete", Attribute::optional(Type::String, "How long a delete may take.")),
        ]);
        Self { nesting: Nesting::List, block, min_items: 0, max_items: 1 }
    }
}

/// What collection a nested block makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// An object, or null when the block is absent.
    Single,
    /// An object always.
    Group,
    /// A list in order.
    List,
    /// A set.
    Set,
    /// A map by the block's label.
    Map,
}

/// A provider-defined function.
#[derive(Debug, Clone)]
pub struct FunctionSchema {
    /// Parameters in order.
    pub parameters: Vec<Parameter>,
    /// What further arguments are.
    pub variadic: Option<Parameter>,
    /// What it returns.
    pub returns: Type,
    /// One line of documentation.
    pub doc: &'static str,
    /// All there is to say.
    pub description: &'static str,
}

/// A parameter of a function.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: ArcStr,
    /// Its type.
    pub value_type: Type,
    /// Whether it may be null.
    pub takes_null: bool,
    /// One line of documentation.
    pub doc: &'static str,
}

impl Attribute {
    fn new(value_type: Type, presence: Presence, doc: &'static str) -> Self {
        Self {
            value_type,
            nested: None,
            presence,
            sensitive: false,
            echoes: None,
            resembles: None,
            write_only: false,
            deprecated: None,
            change: Change::Update,
            default: None,
            doc,
            is_markdown: false,
        }
    }

    /// The configuration must give it.
    pub fn required(value_type: Type, doc: &'static str) -> Self {
        Self::new(value_type, Presence::Required, doc)
    }

    /// The configuration may give it.
    pub fn optional(value_type: Type, doc: &'static str) -> Self {
        Self::new(value_type, Presence::Optional, doc)
    }

    /// The provider gives it.
    pub fn computed(value_type: Type, doc: &'static str) -> Self {
        Self::new(value_type, Presence::Computed, doc)
    }

    /// The configuration may give it, else the provider does.
    pub fn optional_computed(value_type: Type, doc: &'static str) -> Self {
        Self::new(value_type, Presence::OptionalComputed, doc)
    }

    /// The configuration may give it, else it has this value.
    pub fn with_default(value_type: Type, default: impl Into<Value>, doc: &'static str) -> Self {
        let mut attribute = Self::new(value_type, Presence::OptionalComputed, doc);
        attribute.default = Some(default.into());
        attribute
    }

    /// A change of it replaces the object.
    #[must_use]
    pub fn replaces(mut self) -> Self {
        self.change = Change::Replace;
        self
    }

    /// It is never shown.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// It repeats an argument of the same block, and is as sensitive as that.
    #[must_use]
    pub fn echoes(mut self, argument: &'static str) -> Self {
        self.echoes = Some(argument);
        self
    }

    /// It looks like an argument of the same block, to whoever stands in for the provider.
    #[must_use]
    pub fn resembles(mut self, argument: &'static str) -> Self {
        self.resembles = Some(argument);
        self
    }

    /// It is sent but never stored.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Whether the provider gives it when the configuration does not.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }
}

impl Block {
    /// A block of attributes.
    pub fn new<N: Into<ArcStr>>(attributes: impl IntoIterator<Item = (N, Attribute)>) -> Self {
        Self {
            attributes: attributes.into_iter().map(|(name, attribute)| (name.into(), attribute)).collect(),
            ..Self::default()
        }
    }

    /// The same with one more nested block.
    #[must_use]
    pub fn with_block(mut self, name: impl Into<ArcStr>, nested: NestedBlock) -> Self {
        self.blocks.insert(name.into(), nested);
        self
    }

    /// The object type that a body of this block decodes to.
    pub fn implied_type(&self) -> Type {
        let attributes =
            self.attributes.iter().map(|(name, one)| (name.clone(), one.value_type.without_optional()));
        let blocks = self.blocks.iter().map(|(name, nested)| (name.clone(), nested.implied_type()));
        Type::object(attributes.chain(blocks))
    }
}

impl NestedBlock {
    /// The type of the attribute that the blocks make; a tuple or object type where a dynamic type stands inside is
    /// said as [`Type::Dynamic`], as no collection can hold it.
    pub fn implied_type(&self) -> Type {
        let inner = self.block.implied_type();
        match self.nesting {
            Nesting::Single | Nesting::Group => inner,
            Nesting::List | Nesting::Map if inner.has_dynamic() => Type::Dynamic,
            Nesting::List => Type::list(inner),
            Nesting::Set => Type::set(inner),
            Nesting::Map => Type::map(inner),
        }
    }
}

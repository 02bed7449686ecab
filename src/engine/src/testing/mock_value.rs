//! Values in the place of what a provider would compute: by the type of each attribute, and the same each time.
//!
//! Invariant: what the configuration gives stays as it is; the same seed and the same place give the same text.

use formwork_lang::OverrideDuring;
use formwork_sdk::{Attribute, Block, NestedBlock, Nesting, Presence};
use formwork_value::{Kind, Name, Path, Type, Value, convert};
use indexmap::IndexMap;

/// Letters of texts that stand for a provider's.
const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890";
/// How many letters such a text has.
const LENGTH: usize = 10;

/// What is wrong with a mock or an override: a summary, a detail, and the attribute.
pub(super) struct Fault {
    pub(super) summary: String,
    pub(super) detail: &'static str,
    pub(super) path: Path,
}

/// Completes configurations.
pub(super) struct Composer<'a> {
    /// What texts are made from: an object's address.
    pub(super) seed: &'a str,
    /// Whether what a provider would compute is known by now.
    pub(super) is_known: bool,
    pub(super) faults: Vec<Fault>,
}

/// Whether the values are known at the time of a plan.
pub(super) fn is_known_in_plan(during: OverrideDuring) -> bool {
    during == OverrideDuring::Plan
}

impl Composer<'_> {
    /// An object of a block: what the configuration gives, then what is set in its place, then what stood before,
    /// then a value of the type.
    pub(super) fn object(
        &mut self,
        block: &Block,
        given: &Value,
        prior: &Value,
        set: &IndexMap<Name, Value>,
        at: &Path,
    ) -> Value {
        let mut attributes = Vec::with_capacity(block.attributes.len() + block.blocks.len());
        for (name, attribute) in &block.attributes {
            let below = at.clone().attribute(name.clone());
            let like = attribute.resembles.and_then(|other| given.get(other));
            let given = given.get(name).filter(|value| !value.is_null());
            let before = prior.get(name).filter(|value| !value.is_null());
            let value = self.attribute(attribute, given, before, set.get(name).or(like), &below);
            attributes.push((name.clone(), value));
        }
        for (name, nested) in &block.blocks {
            let below = at.clone().attribute(name.clone());
            attributes.push((name.clone(), self.nested(nested, given.get(name), set.get(name), &below)));
        }
        for name in set.keys().filter(|name| !is_of(block, name)) {
            self.fault(
                format!("Invalid override for block field `{name}`"),
                "The field is unknown. Please, ensure it is a part of resource definition.",
                &at.clone().attribute(name.clone()),
            );
        }
        Value::object(attributes)
    }

    fn fault(&mut self, summary: String, detail: &'static str, path: &Path) {
        self.faults.push(Fault { summary, detail, path: path.clone() });
    }

    fn attribute(
        &mut self,
        attribute: &Attribute,
        given: Option<&Value>,
        before: Option<&Value>,
        set: Option<&Value>,
        at: &Path,
    ) -> Value {
        let value_type = attribute.value_type.without_optional();
        let set = set.and_then(|set| self.allowed(attribute, given, set, &value_type, at));
        if attribute.write_only {
            return Value::null(value_type);
        }
        if let (Some(given), false) = (given, attribute.presence == Presence::Computed) {
            return given.clone();
        }
        match (set, before) {
            _ if !attribute.is_computed() => Value::null(value_type),
            (None, None) if attribute.default.is_some() => {
                attribute.default.clone().unwrap_or_else(|| Value::null(value_type))
            }
            // What stood before, with nothing set in its place, stays.
            (None, Some(before)) => before.clone(),
            (Some(set), _) if self.is_known => set,
            (None, None) if self.is_known => self.of_type(&value_type, at),
            (Some(_) | None, _) => Value::unknown(value_type),
        }
    }

    /// A value that is set in the place of a provider's, where that is allowed.
    fn allowed(
        &mut self,
        attribute: &Attribute,
        given: Option<&Value>,
        set: &Value,
        value_type: &Type,
        at: &Path,
    ) -> Option<Value> {
        let name = field(at);
        if given.is_some() {
            let detail = "The field is ignored since overriding configuration values is not allowed.";
            self.fault(format!("Invalid mock/override field `{name}`"), detail, at);
            return None;
        }
        if !attribute.is_computed() {
            let detail = "Overriding non-computed fields is not allowed, so this field cannot be processed.";
            self.fault(format!("Non-computed field `{name}` is not allowed to be overridden"), detail, at);
            return None;
        }
        let converted = convert(set, value_type).ok();
        if converted.is_none() {
            let detail = "Values provided for override / mock must match resource fields types.";
            self.fault(format!("Invalid mock/override field `{name}`"), detail, at);
        }
        converted
    }

    /// A nested block stays as the configuration has it, its inner attributes completed.
    fn nested(
        &mut self,
        nested: &NestedBlock,
        given: Option<&Value>,
        set: Option<&Value>,
        at: &Path,
    ) -> Value {
        let absent = || Value::null(nested.implied_type());
        let Some(given) = given else { return absent() };
        let set = match set.map(Value::kind) {
            None => IndexMap::new(),
            Some(Kind::Object(entries) | Kind::Map(entries)) => entries.iter().cloned().collect(),
            Some(_) => {
                let summary = format!("Invalid override for block field `{}`", field(at));
                self.fault(summary, "Blocks can be overridden only by objects.", at);
                IndexMap::new()
            }
        };
        let is_there = match given.kind() {
            Kind::Null(_) | Kind::Unknown(..) => false,
            Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => !items.is_empty(),
            Kind::Map(entries) => !entries.is_empty(),
            _ => true,
        };
        if !is_there {
            if !set.is_empty() {
                let summary = format!("Invalid override for block field `{}`", field(at));
                let detail = "Cannot override block value, because it's not present in configuration.";
                self.fault(summary, detail, at);
            }
            return given.clone();
        }
        self.elements(nested, given, &set, at)
    }

    fn elements(
        &mut self,
        nested: &NestedBlock,
        given: &Value,
        set: &IndexMap<Name, Value>,
        at: &Path,
    ) -> Value {
        let nothing = Value::null(Type::Dynamic);
        if let (Nesting::Map, Kind::Map(entries) | Kind::Object(entries)) = (nested.nesting, given.kind()) {
            let mut made = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                let below = at.clone().attribute(key.clone());
                made.push((key.clone(), self.object(&nested.block, item, &nothing, set, &below)));
            }
            return match given.value_type() {
                Type::Map(element) => Value::map((*element).clone(), made),
                _ => Value::object(made),
            };
        }
        let Some(items) = given.items() else { return self.object(&nested.block, given, &nothing, set, at) };
        let mut made = Vec::with_capacity(items.len());
        for (index, item) in (0u64..).zip(items) {
            made.push(self.object(&nested.block, item, &nothing, set, &at.clone().index(index)));
        }
        match given.value_type() {
            Type::List(element) => Value::list((*element).clone(), made),
            Type::Set(element) => Value::set((*element).clone(), made),
            _ => Value::tuple(made),
        }
    }

    /// A value of a type: nothing, none, or a text.
    fn of_type(&self, value_type: &Type, at: &Path) -> Value {
        match value_type {
            Type::Bool => Value::bool(false),
            Type::Number => Value::from(0i64),
            Type::String => Value::string(text(self.seed, &at.to_string())),
            Type::List(element) => Value::list((**element).clone(), Vec::new()),
            Type::Set(element) => Value::set((**element).clone(), Vec::new()),
            Type::Map(element) => Value::map((**element).clone(), Vec::new()),
            Type::Tuple(elements) => {
                let place = |index: usize| at.clone().index(index as u64);
                let made = elements.iter().enumerate().map(|(index, one)| self.of_type(one, &place(index)));
                Value::tuple(made.collect())
            }
            Type::Object(object) => {
                let made = object.attributes().iter().map(|(name, one)| {
                    (name.clone(), self.of_type(one, &at.clone().attribute(name.clone())))
                });
                Value::object(made.collect())
            }
            Type::Dynamic => Value::null(Type::Dynamic),
        }
    }
}

fn is_of(block: &Block, name: &str) -> bool {
    block.attributes.contains_key(name) || block.blocks.contains_key(name)
}

/// The last name of a path.
fn field(at: &Path) -> String {
    let text = at.to_string();
    text.rsplit('.').next().unwrap_or_default().to_owned()
}

/// A text that looks like an id, made from a seed and a place.
fn text(seed: &str, place: &str) -> String {
    // FNV-1a over both, then one splitmix64 step a letter: spread is all that is asked of it.
    let bytes = seed.bytes().chain([0]).chain(place.bytes());
    let mut state = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut letter = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let place = usize::try_from((mixed ^ (mixed >> 31)) % LETTERS.len() as u64).unwrap_or_default();
        char::from(LETTERS[place])
    };
    (0..LENGTH).map(|_| letter()).collect()
}

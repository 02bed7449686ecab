//! The value: two words, sharing everything larger.

use crate::unknown::UnknownNode;
use crate::{BigFloat, MarkKind, Marks, Name, Number, Refinements, Type};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A value of some [`Type`]: known, null or unknown, marked or not.
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Null(Type),
    Unknown(Arc<UnknownNode>),
    Bool(bool),
    Int(i64),
    Word(i64),
    Big(Arc<BigFloat>),
    String(Name),
    List(Arc<SequenceNode>),
    Set(Arc<SequenceNode>),
    Tuple(Arc<SequenceNode>),
    Map(Arc<MappingNode>),
    Object(Arc<MappingNode>),
    Marked(Arc<MarkedNode>),
}

const _: () = assert!(size_of::<Value>() == 16, "a value is two words");

struct SequenceNode {
    items: Vec<Value>,
    /// Element type of a list or set; the whole type of a tuple, made when first asked for.
    value_type: OnceLock<Type>,
    flags: Flags,
}

struct MappingNode {
    entries: Entries,
    /// Element type of a map; the whole type of an object, made when first asked for.
    value_type: OnceLock<Type>,
    flags: Flags,
}

struct MarkedNode {
    inner: Value,
    marks: Marks,
}

#[derive(Clone, Copy)]
struct Flags {
    unknown: bool,
    marked: bool,
    depth: u16,
    size: u32,
}

impl Flags {
    const LEAF: Self = Self { unknown: false, marked: false, depth: 1, size: 1 };

    fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        values.into_iter().map(Value::flags).fold(Self::LEAF, |whole, part| Self {
            unknown: whole.unknown || part.unknown,
            marked: whole.marked || part.marked,
            depth: whole.depth.max(part.depth.saturating_add(1)),
            size: whole.size.saturating_add(part.size),
        })
    }
}

/// Bytes of text that count as one part.
const BYTES_A_PART: usize = 64;

/// Entries of a map or object: sorted by name, no name twice.
pub struct Entries {
    items: Vec<(Name, Value)>,
    /// Few collections are large enough to have one.
    #[expect(clippy::box_collection, reason = "a table takes four words, and most values have none")]
    index: OnceLock<Box<HashMap<Name, u32, FxBuildHasher>>>,
}

/// Above so many entries a look-up makes a hash index first.
const INDEX_ABOVE: usize = 64;

impl Entries {
    fn new(mut items: Vec<(Name, Value)>) -> Self {
        if !items.is_sorted_by(|left, right| left.0 < right.0) {
            items.reverse();
            items.sort_by(|left, right| left.0.cmp(&right.0));
            items.dedup_by(|later, earlier| later.0 == earlier.0);
        }
        Self { items, index: OnceLock::new() }
    }

    /// All entries in order of their names.
    pub fn as_slice(&self) -> &[(Name, Value)] {
        &self.items
    }

    /// All entries in order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, (Name, Value)> {
        self.items.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = if self.items.len() > INDEX_ABOVE {
            let index = self.index.get_or_init(|| {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "no collection has four thousand million entries"
                )]
                Box::new(
                    self.items.iter().enumerate().map(|(at, (name, _))| (name.clone(), at as u32)).collect(),
                )
            });
            *index.get(name)? as usize
        } else {
            self.items.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok()?
        };
        Some(&self.items[at].1)
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a (Name, Value);
    type IntoIter = std::slice::Iter<'a, (Name, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a value is, seen from outside. Marks come first: whoever reads a value must meet them.
pub enum Kind<'a> {
    /// Null of a type.
    Null(&'a Type),
    /// Unknown of a type.
    Unknown(&'a Type, &'a Refinements),
    /// A bool.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(&'a Name),
    /// A list's elements.
    List(&'a [Value]),
    /// A set's elements in cty's order.
    Set(&'a [Value]),
    /// A tuple's elements.
    Tuple(&'a [Value]),
    /// A map's entries.
    Map(&'a Entries),
    /// An object's attributes.
    Object(&'a Entries),
    /// A marked value: the value inside, and the marks.
    Marked(&'a Value, &'a Marks),
}

impl Value {
    /// Null of a type.
    pub const fn null(value_type: Type) -> Self {
        Self(Repr::Null(value_type))
    }

    /// Unknown of a type, nothing else known.
    pub fn unknown(value_type: Type) -> Self {
        Self::unknown_with(value_type, Refinements::NONE)
    }

    /// Unknown of a type with refinements; an unknown of dynamic type has none.
    pub fn unknown_with(value_type: Type, refinements: Refinements) -> Self {
        let refinements = if value_type == Type::Dynamic { Refinements::NONE } else { refinements };
        Self(Repr::Unknown(Arc::new(UnknownNode { value_type, refinements })))
    }

    /// A string; it is normalised to NFC.
    pub fn string(text: impl Into<Name>) -> Self {
        Self(Repr::String(normalize(text.into())))
    }

    /// A number.
    pub fn number(number: impl Into<Number>) -> Self {
        match number.into() {
            Number::Int(int) => Self(Repr::Int(int)),
            Number::Word(int) => Self(Repr::Word(int)),
            Number::Big(big) => Self(Repr::Big(big)),
        }
    }

    /// A bool.
    pub const fn bool(bool: bool) -> Self {
        Self(Repr::Bool(bool))
    }

    /// A list of an element type. Every item must be of that type (the caller has converted them).
    pub fn list(element: Type, items: Vec<Value>) -> Self {
        let flags = Flags::of(&items);
        Self(Repr::List(Arc::new(SequenceNode { items, value_type: OnceLock::from(element), flags })))
    }

    /// A set from items that are in cty's order already, without duplicates and without marks: for `crate::set`.
    pub(crate) fn set_from_ordered(element: Type, items: Vec<Value>) -> Self {
        let flags = Flags::of(&items);
        Self(Repr::Set(Arc::new(SequenceNode { items, value_type: OnceLock::from(element), flags })))
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Self {
        let flags = Flags::of(&items);
        Self(Repr::Tuple(Arc::new(SequenceNode { items, value_type: OnceLock::new(), flags })))
    }

    /// A map of an element type; of two entries of one name the last stays.
    pub fn map(element: Type, entries: Vec<(Name, Value)>) -> Self {
        Self(Repr::Map(Arc::new(MappingNode::new(entries, OnceLock::from(element)))))
    }

    /// An object; of two attributes of one name the last stays.
    pub fn object(attributes: Vec<(Name, Value)>) -> Self {
        Self(Repr::Object(Arc::new(MappingNode::new(attributes, OnceLock::new()))))
    }

    /// What it is. A marked value answers [`Kind::Marked`].
    pub fn kind(&self) -> Kind<'_> {
        match &self.0 {
            Repr::Null(value_type) => Kind::Null(value_type),
            Repr::Unknown(node) => Kind::Unknown(&node.value_type, &node.refinements),
            Repr::Bool(bool) => Kind::Bool(*bool),
            Repr::Int(int) => Kind::Number(Number::Int(*int)),
            Repr::Word(int) => Kind::Number(Number::Word(*int)),
            Repr::Big(big) => Kind::Number(Number::Big(big.clone())),
            Repr::String(text) => Kind::String(text),
            Repr::List(node) => Kind::List(&node.items),
            Repr::Set(node) => Kind::Set(&node.items),
            Repr::Tuple(node) => Kind::Tuple(&node.items),
            Repr::Map(node) => Kind::Map(&node.entries),
            Repr::Object(node) => Kind::Object(&node.entries),
            Repr::Marked(node) => Kind::Marked(&node.inner, &node.marks),
        }
    }

    /// Its type; O(1) but for the first call on a tuple or object.
    pub fn value_type(&self) -> Type {
        match &self.0 {
            Repr::Null(value_type) => value_type.clone(),
            Repr::Unknown(node) => node.value_type.clone(),
            Repr::Bool(_) => Type::Bool,
            Repr::Int(_) | Repr::Word(_) | Repr::Big(_) => Type::Number,
            Repr::String(_) => Type::String,
            Repr::List(node) => Type::list(node.element()),
            Repr::Set(node) => Type::set(node.element()),
            Repr::Map(node) => Type::map(node.element()),
            Repr::Tuple(node) => node
                .value_type
                .get_or_init(|| Type::tuple(node.items.iter().map(Self::value_type).collect()))
                .clone(),
            Repr::Object(node) => node
                .value_type
                .get_or_init(|| {
                    Type::object(node.entries.iter().map(|(name, value)| (name.clone(), value.value_type())))
                })
                .clone(),
            Repr::Marked(node) => node.inner.value_type(),
        }
    }

    /// Whether it is null, seen through marks.
    pub fn is_null(&self) -> bool {
        match &self.0 {
            Repr::Marked(node) => node.inner.is_null(),
            repr => matches!(repr, Repr::Null(_)),
        }
    }

    /// Whether it is itself known (its elements may not be), seen through marks.
    pub fn is_known(&self) -> bool {
        match &self.0 {
            Repr::Marked(node) => node.inner.is_known(),
            repr => !matches!(repr, Repr::Unknown(_)),
        }
    }

    fn flags(&self) -> Flags {
        match &self.0 {
            Repr::Unknown(_) => Flags { unknown: true, ..Flags::LEAF },
            Repr::Null(_) | Repr::Bool(_) | Repr::Int(_) | Repr::Word(_) | Repr::Big(_) => Flags::LEAF,
            Repr::String(text) => {
                let more = u32::try_from(text.len() / BYTES_A_PART).unwrap_or(u32::MAX);
                Flags { size: more.saturating_add(1), ..Flags::LEAF }
            }
            Repr::List(node) | Repr::Set(node) | Repr::Tuple(node) => node.flags,
            Repr::Map(node) | Repr::Object(node) => node.flags,
            Repr::Marked(node) => Flags { marked: true, ..node.inner.flags() },
        }
    }

    /// Whether nothing in it is unknown; O(1).
    pub fn is_wholly_known(&self) -> bool {
        !self.flags().unknown
    }

    /// Whether it or anything in it is marked; O(1).
    pub fn has_marks(&self) -> bool {
        self.flags().marked
    }

    /// Whether it has at most so many levels and parts: see [`Value::depth`] and [`Value::size`].
    pub fn is_within(&self, depth: u16, size: u32) -> bool {
        let flags = self.flags();
        flags.depth <= depth && flags.size <= size
    }

    /// How many levels of values it has; O(1), and at most [`u16::MAX`].
    pub fn depth(&self) -> u16 {
        self.flags().depth
    }

    /// How many parts it has when nothing is shared, 64 bytes of text counted as one; O(1), and at most
    /// [`u32::MAX`].
    pub fn size(&self) -> u32 {
        self.flags().size
    }

    /// The marks on the value itself (not those deeper).
    pub fn marks(&self) -> Marks {
        match &self.0 {
            Repr::Marked(node) => node.marks.clone(),
            _ => Marks::NONE,
        }
    }

    /// Whether the value itself has a mark of the kind.
    pub fn is_marked(&self, kind: MarkKind) -> bool {
        matches!(&self.0, Repr::Marked(node) if node.marks.has(kind))
    }

    /// The value inside and its marks, for operations that put the marks back on their result.
    #[must_use]
    pub fn unmark(&self) -> (Value, Marks) {
        match &self.0 {
            Repr::Marked(node) => (node.inner.clone(), node.marks.clone()),
            _ => (self.clone(), Marks::NONE),
        }
    }

    /// The value without the marks on itself, and those; what [`Value::unmark`] gives, for whoever owns the value.
    pub fn into_unmarked(self) -> (Value, Marks) {
        match self.0 {
            Repr::Marked(node) => (node.inner.clone(), node.marks.clone()),
            _ => (self, Marks::NONE),
        }
    }

    /// The same as [`Value::with_marks`], for whoever owns the value.
    #[must_use]
    pub fn into_marked(self, marks: &Marks) -> Self {
        if marks.is_empty() { self } else { self.with_marks(marks) }
    }

    /// The same value with more marks on it.
    #[must_use]
    pub fn with_marks(&self, marks: &Marks) -> Self {
        if marks.is_empty() {
            return self.clone();
        }
        match &self.0 {
            Repr::Marked(node) => Self(Repr::Marked(Arc::new(MarkedNode {
                inner: node.inner.clone(),
                marks: node.marks.union(marks),
            }))),
            _ => Self(Repr::Marked(Arc::new(MarkedNode { inner: self.clone(), marks: marks.clone() }))),
        }
    }

    /// The value inside, its marks dropped: the only way past a sensitive mark. Each use is a decision that a
    /// secret may leave here; a test counts them.
    pub fn reveal(&self) -> &Value {
        match &self.0 {
            Repr::Marked(node) => &node.inner,
            _ => self,
        }
    }

    /// As [`Value::reveal`], for passes of this crate that put the marks back.
    pub(crate) fn reveal_node(&self) -> &Value {
        match &self.0 {
            Repr::Marked(node) => &node.inner,
            _ => self,
        }
    }

    /// An attribute of an object or the entry of a map; nothing for other values, marked ones too.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match &self.0 {
            Repr::Map(node) | Repr::Object(node) => node.entries.get(name),
            _ => None,
        }
    }

    /// The items of an unmarked list, set or tuple.
    pub fn items(&self) -> Option<&[Value]> {
        match &self.0 {
            Repr::List(node) | Repr::Set(node) | Repr::Tuple(node) => Some(&node.items),
            _ => None,
        }
    }

    /// The entries of an unmarked map or object.
    pub fn entries(&self) -> Option<&Entries> {
        match &self.0 {
            Repr::Map(node) | Repr::Object(node) => Some(&node.entries),
            _ => None,
        }
    }

    /// The text of an unmarked known string.
    pub fn as_str(&self) -> Option<&Name> {
        match &self.0 {
            Repr::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bool of an unmarked known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.0 {
            Repr::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The number of an unmarked known number.
    pub fn as_number(&self) -> Option<Number> {
        match &self.0 {
            Repr::Int(int) => Some(Number::Int(*int)),
            Repr::Word(int) => Some(Number::Word(*int)),
            Repr::Big(big) => Some(Number::Big(big.clone())),
            _ => None,
        }
    }

    /// The whole number of an unmarked known number that is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(|number| number.to_i64())
    }

    /// Whether both are the very same node: true says equal, false says nothing.
    pub fn is_same_node(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::List(left), Repr::List(right))
            | (Repr::Set(left), Repr::Set(right))
            | (Repr::Tuple(left), Repr::Tuple(right)) => Arc::ptr_eq(left, right),
            (Repr::Map(left), Repr::Map(right)) | (Repr::Object(left), Repr::Object(right)) => {
                Arc::ptr_eq(left, right)
            }
            (Repr::Marked(left), Repr::Marked(right)) => Arc::ptr_eq(left, right),
            _ => false,
        }
    }
}

/// The text in NFC.
pub(crate) fn normalize(text: Name) -> Name {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text;
    }
    text.nfc().collect::<String>().into()
}

impl SequenceNode {
    fn element(&self) -> Type {
        self.value_type.get().cloned().unwrap_or(Type::Dynamic)
    }
}

impl MappingNode {
    /// Flags are taken after entries of one name are gone.
    fn new(entries: Vec<(Name, Value)>, value_type: OnceLock<Type>) -> Self {
        let entries = Entries::new(entries);
        let flags = Flags::of(entries.iter().map(|(_, value)| value));
        Self { entries, value_type, flags }
    }

    fn element(&self) -> Type {
        self.value_type.get().cloned().unwrap_or(Type::Dynamic)
    }
}

/// The same value in every respect: type, nullness, unknownness with refinements, marks. This is Go's `RawEquals`,
/// not the language's `==`.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        if self.is_same_node(other) {
            return true;
        }
        match (&self.0, &other.0) {
            (Repr::Null(left), Repr::Null(right)) => left == right,
            (Repr::Unknown(left), Repr::Unknown(right)) => left == right,
            (Repr::Bool(left), Repr::Bool(right)) => left == right,
            (Repr::Int(left) | Repr::Word(left), Repr::Int(right) | Repr::Word(right)) => left == right,
            (Repr::Big(left), Repr::Big(right)) if Arc::ptr_eq(left, right) => true,
            (Repr::Int(_) | Repr::Word(_) | Repr::Big(_), Repr::Int(_) | Repr::Word(_) | Repr::Big(_)) => {
                self.as_number() == other.as_number()
            }
            (Repr::String(left), Repr::String(right)) => left == right,
            (Repr::List(left), Repr::List(right)) | (Repr::Set(left), Repr::Set(right)) => {
                left.element() == right.element() && left.items == right.items
            }
            (Repr::Tuple(left), Repr::Tuple(right)) => left.items == right.items,
            (Repr::Map(left), Repr::Map(right)) => {
                left.element() == right.element() && left.entries.items == right.entries.items
            }
            (Repr::Object(left), Repr::Object(right)) => left.entries.items == right.entries.items,
            (Repr::Marked(left), Repr::Marked(right)) => {
                left.marks == right.marks && left.inner == right.inner
            }
            _ => false,
        }
    }
}

impl Eq for Value {}

/// A short form for logs and test failures; what is sensitive shows as `(sensitive value)`.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Null(value_type) => write!(f, "null({value_type})"),
            Kind::Unknown(value_type, refinements) if *refinements == Refinements::NONE => {
                write!(f, "unknown({value_type})")
            }
            Kind::Unknown(value_type, refinements) => write!(f, "unknown({value_type}, {refinements:?})"),
            Kind::Bool(bool) => write!(f, "{bool}"),
            Kind::Number(number) => write!(f, "{number}"),
            Kind::String(text) => write!(f, "{text:?}"),
            Kind::List(items) | Kind::Tuple(items) => f.debug_list().entries(items).finish(),
            Kind::Set(items) => f.debug_set().entries(items).finish(),
            Kind::Map(entries) | Kind::Object(entries) => {
                f.debug_map().entries(entries.iter().map(|(name, value)| (name, value))).finish()
            }
            Kind::Marked(_, marks) if marks.has(MarkKind::Sensitive) => f.write_str("(sensitive value)"),
            Kind::Marked(inner, _) => write!(f, "marked({inner:?})"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::number(int)
    }
}

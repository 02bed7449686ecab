//! The world: every object that stands, folded from the lines of its file, with what is asked of it indexed.
//!
//! Invariant: nothing changes in memory before it stands in the file. No question costs more than the objects it
//! is about.

use crate::calls::{Call, Effect};
use crate::chance::digits;
use crate::finding::{text, texts, whole_number, with_attribute};
use crate::kinds;
use crate::store::{Line, News, Store};
use formwork_value::{Value, decode, encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

/// The file is compacted when it has so many more lines than twice the objects.
const LINES_SPARE: usize = 64;

/// The world's files cannot be read or written; the message names the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError(pub(crate) String);

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorldError {}

/// What an object is doing; so many steps are left, one a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Nothing.
    Ready,
    /// It is being made.
    Creating(u32),
    /// It is being changed.
    Updating(u32),
    /// It is going away.
    Deleting(u32),
}

/// One object of the world.
#[derive(Clone, PartialEq)]
pub struct Object {
    /// Unique in the world.
    pub id: String,
    /// Resource kind.
    pub kind: String,
    /// Its name; unique for kinds with a natural key.
    pub name: String,
    /// Who made it.
    pub owner: String,
    /// The token it was made with.
    pub token: String,
    /// The token it was changed with last, or nothing.
    pub update_token: String,
    /// What it is doing.
    pub phase: Phase,
    /// All attributes of its kind.
    pub attributes: Value,
}

/// Without its attributes: a cluster's hold its credentials.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, name, phase, .. } = self;
        f.debug_struct("Object")
            .field("id", id)
            .field("kind", kind)
            .field("name", name)
            .field("phase", phase)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct StoredObject {
    id: String,
    kind: String,
    name: String,
    owner: String,
    token: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    update_token: String,
    phase: Phase,
    attributes: Box<RawValue>,
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes = kinds::object_type(&self.kind)
            .ok_or_else(|| ser::Error::custom(format!("there is no kind {}", self.kind)))
            .and_then(|kind| encode(&self.attributes, kind).map_err(ser::Error::custom))
            .and_then(|text| RawValue::from_string(text).map_err(ser::Error::custom))?;
        let Self { id, kind, name, owner, token, update_token, phase, .. } = self.clone();
        StoredObject { id, kind, name, owner, token, update_token, phase, attributes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredObject::deserialize(deserializer)?;
        let kind_type = kinds::object_type(&stored.kind)
            .ok_or_else(|| de::Error::custom(format!("there is no kind {}", stored.kind)))?;
        let attributes = decode(stored.attributes.get(), kind_type).map_err(de::Error::custom)?;
        let StoredObject { id, kind, name, owner, token, update_token, phase, .. } = stored;
        Ok(Self { id, kind, name, owner, token, update_token, phase, attributes })
    }
}

/// The call behind an effect, for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    pub(crate) call: &'a str,
    pub(crate) token: &'a str,
    pub(crate) effect: Effect,
}

/// Everything that stands.
#[derive(Debug)]
pub struct World {
    store: Store,
    seed: u64,
    id: String,
    sequence: u64,
    lines: usize,
    objects: HashMap<String, Object>,
    by_kind: BTreeMap<String, BTreeSet<String>>,
    by_name: HashMap<String, String>,
    by_token: HashMap<String, String>,
    /// Addresses taken in each network.
    addresses: HashMap<String, BTreeSet<u32>>,
    /// Which cluster a machine is in.
    members: HashMap<String, String>,
    gpus: i64,
    volume_gb: i64,
    /// How many objects are doing something.
    busy: u64,
    /// So many reads of this process still miss the object.
    hidden: HashMap<String, u32>,
}

impl World {
    /// Opens the world of a file, as another process would: what it changes is seen by providers, and not logged.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, WorldError> {
        let mut calls = path.as_os_str().to_owned();
        calls.push(".calls");
        Self::open_with(path.to_owned(), calls.into(), 0)
    }

    pub(crate) fn open_with(path: PathBuf, calls: PathBuf, seed: u64) -> Result<Self, WorldError> {
        let mut world = Self::empty(Store::new(path, calls), seed);
        let lines = match world.store.news()? {
            News::None => Vec::new(),
            News::More(lines) | News::Anew(lines) => lines,
        };
        world.store.complete_log(&lines)?;
        world.fold(lines);
        if world.lines > 2 * world.objects.len() + LINES_SPARE {
            world.compact()?;
        }
        Ok(world)
    }

    fn empty(store: Store, seed: u64) -> Self {
        let path = store.path();
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok()).unwrap_or_default();
        let place = folder.join(path.file_name().unwrap_or_default());
        Self {
            id: format!("world-{}", digits(seed, &["world", &place.to_string_lossy()])),
            store,
            seed,
            sequence: 0,
            lines: 0,
            objects: HashMap::new(),
            by_kind: BTreeMap::new(),
            by_name: HashMap::new(),
            by_token: HashMap::new(),
            addresses: HashMap::new(),
            members: HashMap::new(),
            gpus: 0,
            volume_gb: 0,
            busy: 0,
            hidden: HashMap::new(),
        }
    }

    /// Takes in what other processes have done to the file since.
    pub(crate) fn catch_up(&mut self) -> Result<(), WorldError> {
        match self.store.news()? {
            News::None => {}
            News::More(lines) => self.fold(lines),
            News::Anew(lines) => {
                let store = std::mem::replace(&mut self.store, Store::new(PathBuf::new(), PathBuf::new()));
                *self = Self::empty(store, self.seed);
                self.fold(lines);
            }
        }
        Ok(())
    }

    fn fold(&mut self, lines: Vec<Line>) {
        self.lines += lines.len();
        for line in lines {
            match line {
                Line::World { id, seq } => {
                    self.id = id;
                    self.sequence = self.sequence.max(seq);
                }
                Line::Put { seq, object, .. } => {
                    self.sequence = self.sequence.max(seq);
                    self.insert(object);
                }
                Line::Gone { seq, id, .. } => {
                    self.sequence = self.sequence.max(seq);
                    self.take(&id);
                }
            }
        }
    }

    fn compact(&mut self) -> Result<(), WorldError> {
        let mut objects: Vec<&Object> = self.objects.values().collect();
        objects.sort_by(|left, right| left.id.cmp(&right.id));
        let head = Line::World { id: self.id.clone(), seq: self.sequence };
        let puts = objects.iter().map(|object| Line::Put { seq: 0, object: (*object).clone(), call: None });
        self.lines = objects.len() + 1;
        self.store.rewrite(std::iter::once(head).chain(puts))
    }

    /// Stable for this world.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of the last effect.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// One object.
    pub fn get(&self, id: &str) -> Option<&Object> {
        self.objects.get(id)
    }

    /// All objects of a kind, by id.
    pub fn of_kind<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Object> {
        self.by_kind.get(kind).into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    /// Objects of a kind behind an id, by id.
    pub(crate) fn of_kind_after<'a>(&'a self, kind: &str, id: &str) -> impl Iterator<Item = &'a Object> {
        let ids = self
            .by_kind
            .get(kind)
            .map(|ids| ids.range::<str, _>((std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded)));
        ids.into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    /// How many objects of a kind stand.
    pub fn count(&self, kind: &str) -> usize {
        self.by_kind.get(kind).map_or(0, BTreeSet::len)
    }

    /// How many objects of any kind stand.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether nothing stands.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Changes one attribute from outside.
    ///
    /// # Errors
    /// When there is no such object or the file cannot be written.
    pub fn set_attribute(&mut self, id: &str, name: &str, value: &Value) -> Result<(), WorldError> {
        self.catch_up()?;
        let mut object =
            self.get(id).cloned().ok_or_else(|| WorldError(format!("there is no object {id}")))?;
        object.attributes = with_attribute(&object.attributes, name, value);
        self.put(object, None)
    }

    /// Removes an object from outside.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove_from_outside(&mut self, id: &str) -> Result<(), WorldError> {
        self.catch_up()?;
        self.remove(id, None)
    }

    pub(crate) fn put(&mut self, object: Object, cause: Option<Cause<'_>>) -> Result<(), WorldError> {
        let seq = self.next_sequence()?;
        let call = cause.map(|cause| call_of(&object, seq, cause));
        let line = Line::Put { seq, object, call };
        self.store.append(&line)?;
        self.fold(vec![line]);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: &str, cause: Option<Cause<'_>>) -> Result<(), WorldError> {
        let Some(object) = self.objects.get(id).cloned() else { return Ok(()) };
        for inside in kinds::inside(self, &object) {
            let cause = cause.map(|cause| Cause { call: "cascade", ..cause });
            self.remove_one(&inside, cause)?;
        }
        self.remove_one(id, cause)
    }

    fn remove_one(&mut self, id: &str, cause: Option<Cause<'_>>) -> Result<(), WorldError> {
        let seq = self.next_sequence()?;
        let call = cause.and_then(|cause| self.objects.get(id).map(|object| call_of(object, seq, cause)));
        let line = Line::Gone { seq, id: id.to_owned(), call };
        self.store.append(&line)?;
        self.fold(vec![line]);
        Ok(())
    }

    /// The number of the next effect; the first one says which world it is.
    fn next_sequence(&mut self) -> Result<u64, WorldError> {
        if self.store.is_empty() {
            let head = Line::World { id: self.id.clone(), seq: self.sequence };
            self.store.append(&head)?;
            self.lines += 1;
        }
        Ok(self.sequence + 1)
    }

    fn insert(&mut self, object: Object) {
        self.take(&object.id);
        self.by_kind.entry(object.kind.clone()).or_default().insert(object.id.clone());
        self.by_name.insert(key(&object.kind, &object.name), object.id.clone());
        self.by_token.insert(key(&object.kind, &object.token), object.id.clone());
        self.busy += u64::from(object.phase != Phase::Ready);
        self.gpus += whole_number(&object.attributes, "gpu_count").unwrap_or(0);
        self.volume_gb += whole_number(&object.attributes, "size_gb").unwrap_or(0);
        if let Some((network, address)) = kinds::place_in_network(&object) {
            self.addresses.entry(network).or_default().insert(address);
        }
        for machine in kinds::MEMBERS.iter().flat_map(|name| texts(&object.attributes, name)) {
            self.members.insert(machine.to_string(), object.id.clone());
        }
        self.objects.insert(object.id.clone(), object);
    }

    fn take(&mut self, id: &str) -> Option<Object> {
        let object = self.objects.remove(id)?;
        if let Some(ids) = self.by_kind.get_mut(&object.kind) {
            ids.remove(id);
        }
        for (index, name) in [(&mut self.by_name, &object.name), (&mut self.by_token, &object.token)] {
            let key = key(&object.kind, name);
            if index.get(&key).is_some_and(|held| held == id) {
                index.remove(&key);
            }
        }
        self.busy -= u64::from(object.phase != Phase::Ready);
        self.gpus -= whole_number(&object.attributes, "gpu_count").unwrap_or(0);
        self.volume_gb -= whole_number(&object.attributes, "size_gb").unwrap_or(0);
        if let Some((network, address)) = kinds::place_in_network(&object)
            && let Some(taken) = self.addresses.get_mut(&network)
        {
            taken.remove(&address);
        }
        for machine in kinds::MEMBERS.iter().flat_map(|name| texts(&object.attributes, name)) {
            if self.members.get(machine.as_str()).is_some_and(|cluster| cluster == id) {
                self.members.remove(machine.as_str());
            }
        }
        Some(object)
    }

    pub(crate) fn by_name(&self, kind: &str, name: &str) -> Option<&Object> {
        self.objects.get(self.by_name.get(&key(kind, name))?)
    }

    pub(crate) fn by_token(&self, kind: &str, token: &str) -> Option<&Object> {
        self.objects.get(self.by_token.get(&key(kind, token))?)
    }

    /// The object of a kind that an attribute names by id.
    pub(crate) fn referenced(&self, kind: &str, object: &Value, attribute: &str) -> Option<&Object> {
        self.get(text(object, attribute)?).filter(|found| found.kind == kind)
    }

    pub(crate) fn cluster_of(&self, machine: &str) -> Option<&str> {
        self.members.get(machine).map(String::as_str)
    }

    pub(crate) fn addresses(&self, network: &str) -> Option<&BTreeSet<u32>> {
        self.addresses.get(network)
    }

    /// How many objects are being made, changed or deleted.
    pub(crate) fn busy(&self) -> u64 {
        self.busy
    }

    pub(crate) fn gpus(&self) -> i64 {
        self.gpus
    }

    pub(crate) fn volume_gb(&self) -> i64 {
        self.volume_gb
    }

    /// Ids of a kind that begin so.
    pub(crate) fn ids_beginning(&self, kind: &str, prefix: &str) -> Vec<String> {
        let from = self.by_kind.get(kind).map(|ids| ids.range(prefix.to_owned()..));
        from.into_iter().flatten().take_while(|id| id.starts_with(prefix)).cloned().collect()
    }

    /// An id that the seed and the token decide, and that no object has.
    pub(crate) fn free_id(&self, prefix: &str, token: &str) -> String {
        let mut round = 0_u64;
        loop {
            let id = format!("{prefix}-{}", digits(self.seed, &["id", prefix, token, &round.to_string()]));
            if !self.objects.contains_key(&id) {
                return id;
            }
            round += 1;
        }
    }

    /// Lets so many reads of this process miss the object.
    pub(crate) fn hide(&mut self, id: &str, reads: u32) {
        if reads > 0 {
            self.hidden.insert(id.to_owned(), reads);
        }
    }

    /// Whether a read sees the object; one that misses it counts.
    pub(crate) fn is_seen(&mut self, id: &str) -> bool {
        match self.hidden.get_mut(id) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Some(_) => {
                self.hidden.remove(id);
                true
            }
            None => true,
        }
    }
}

fn key(kind: &str, name: &str) -> String {
    format!("{kind}/{name}")
}

fn call_of(object: &Object, seq: u64, cause: Cause<'_>) -> Call {
    Call {
        seq,
        call: cause.call.to_owned(),
        kind: object.kind.clone(),
        id: object.id.clone(),
        name: object.name.clone(),
        token: cause.token.to_owned(),
        effect: cause.effect,
    }
}

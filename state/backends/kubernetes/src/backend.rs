//! The state of one workspace.

use crate::lease::{Lease, Standing};
use crate::names::{Holds, Names, name_of};
use crate::packing::{self, Kept, pack, unpacked};
use crate::server::{Resource, Server, Written};
use formwork_state::backend::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use formwork_state::digest;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a taken lease is asked for again.
const RETRY: Duration = Duration::from_millis(500);

/// How often a write may meet another before it is given up.
const MEETINGS: usize = 20;

/// What gives the state's Secret another version.
const SHUT_OUT: &str = "formwork.dev/shut-out";

/// A lease of this handle.
#[derive(Debug, Clone)]
struct Held {
    fence: Fence,
    holder: Holder,
    lease: Lease,
    /// The number that the next entry has below the lease's.
    position: u64,
}

/// The state's Secret as it was read, without what it holds.
#[derive(Debug, Clone)]
struct State {
    /// None where there is no Secret.
    object: Option<Json>,
    /// The digest of the state in it; empty where there is none.
    digest: String,
    /// The names of its parts.
    parts: Vec<String>,
}

/// A state, where there is one, and the names of its parts.
type Found = (Option<Vec<u8>>, Vec<String>);

/// What this handle knows.
#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// How many entries the journal has, once it was read.
    next_sequence: Option<u64>,
    state: Option<State>,
}

pub(crate) struct KubernetesBackend {
    server: Arc<Server>,
    names: Names,
    lease_duration: Duration,
    known: Mutex<Known>,
}

fn contended() -> BackendError {
    BackendError::Failed("others wrote at the same time, again and again".to_owned())
}

fn vanished(name: &str) -> BackendError {
    BackendError::Failed(format!("the Secret {name} is named as a part, and there is none"))
}

/// A mark that is used once.
fn mark() -> String {
    let mut text = uuid::Uuid::new_v4().simple().to_string();
    text.truncate(12);
    text
}

impl KubernetesBackend {
    pub(crate) fn new(server: Arc<Server>, names: Names, lease_duration: Duration) -> Self {
        Self { server, names, lease_duration, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_lease(&self) -> Result<Option<Lease>, BackendError> {
        Ok(self.server.get(Resource::Leases, &self.names.lease)?.map(Lease::from))
    }

    fn secret(&self, name: &str, holds: Holds, bytes: &[u8]) -> Json {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": { "name": name, "labels": self.names.labels_of(holds) },
            "data": packing::data(bytes),
        })
    }

    /// The highest number of a lease that the journal knows, where the Lease itself is gone.
    fn last_fence(&self) -> Result<u64, BackendError> {
        let selector = self.names.selector(&[Holds::Entry, Holds::Closed]);
        let names = self.server.list_names(Resource::Secrets, &selector)?;
        let fences = names.iter().filter_map(|name| self.names.number_of_entry(name));
        Ok(fences.map(|(fence, _)| fence).max().unwrap_or_default())
    }

    /// Tries once: the lease, or who has it.
    fn try_lease(&self, holder: &Holder) -> Result<Result<Held, Option<Holder>>, BackendError> {
        let before = match self.read_lease()? {
            Some(lease) => lease,
            None => Lease::first(&self.names, self.last_fence()?),
        };
        let now = self.server.now();
        let standing = before.standing();
        if standing != Standing::Free && !before.is_overdue(now) {
            return Ok(Err(standing.holder()));
        }
        let lease = before.taken(holder, &self.name(), self.lease_duration, now)?;
        let fence = lease.fence();
        let mut lease = match self.server.write(Resource::Leases, lease.object())? {
            Written::Done(object) => Lease::from(*object),
            Written::Refused { was_tried } => match self.read_lease()? {
                // The first answer was lost: the lease is this one already.
                Some(stands) if was_tried && stands.is_of(fence, holder) => stands,
                stands => return Ok(Err(stands.and_then(|lease| lease.standing().holder()))),
            },
        };
        for other in lease.unclosed().into_iter().filter(|other| *other != fence) {
            self.shut_out(other)?;
        }
        // Written with the next heartbeat.
        lease.set_unclosed(&[fence]);
        Ok(Ok(Held { fence: Fence(fence), holder: holder.clone(), lease, position: 0 }))
    }

    /// Makes the API server refuse what the holder of a lease might still write: its next entry, and its snapshot.
    fn shut_out(&self, fence: u64) -> Result<(), BackendError> {
        for _ in 0..MEETINGS {
            let name = self.names.entry(fence, self.next_position(fence)?);
            let closed = self.secret(&name, Holds::Closed, b"");
            match self.server.create(Resource::Secrets, &closed)? {
                Written::Done(_) | Written::Refused { was_tried: true } => {
                    return self.give_another_version();
                }
                Written::Refused { was_tried: false } => {}
            }
        }
        Err(contended())
    }

    /// The number after the last that stands below a lease's, be it an entry or what closes the lease.
    fn next_position(&self, fence: u64) -> Result<u64, BackendError> {
        let selector = self.names.selector(&[Holds::Entry, Holds::Closed]);
        let names = self.server.list_names(Resource::Secrets, &selector)?;
        let numbers = names.iter().filter_map(|name| self.names.number_of_entry(name));
        let last = numbers.filter(|(other, _)| *other == fence).map(|(_, position)| position).max();
        Ok(last.map_or(0, |last| last + 1))
    }

    /// The same state, and another version of its Secret; one without a state where there is none.
    fn give_another_version(&self) -> Result<(), BackendError> {
        for _ in 0..MEETINGS {
            let stands = self.server.get(Resource::Secrets, &self.names.state)?;
            let mut object = stands.unwrap_or_else(|| self.empty_state());
            set_annotation(&mut object, SHUT_OUT, &mark());
            if let Written::Done(_) = self.server.write(Resource::Secrets, &object)? {
                return Ok(());
            }
        }
        Err(contended())
    }

    fn empty_state(&self) -> Json {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {
                "name": self.names.state,
                "labels": self.names.labels_of_state(),
                "annotations": { "encoding": "gzip" },
            },
        })
    }

    /// The entries of the journal that count, in order.
    fn entries(&self) -> Result<Vec<Vec<u8>>, BackendError> {
        for _ in 0..MEETINGS {
            let selector = self.names.selector(&[Holds::Entry, Holds::EntryPart]);
            let mut entries = Vec::new();
            let mut parts = HashMap::new();
            for secret in self.server.list(Resource::Secrets, &selector)? {
                let name = name_of(&secret).to_owned();
                if self.names.number_of_entry(&name).is_some() {
                    entries.push((name, secret));
                } else {
                    parts.insert(name, packing::bytes_of(&secret));
                }
            }
            let joined = |(name, secret): &(String, Json)| match packing::kept(name, secret)? {
                Kept::Whole(bytes) => Ok(Some(bytes)),
                Kept::Parts(names) => {
                    let found: Option<Vec<&Vec<u8>>> = names.iter().map(|name| parts.get(name)).collect();
                    found
                        .map(|found| {
                            unpacked(name, &found.into_iter().flatten().copied().collect::<Vec<u8>>())
                        })
                        .transpose()
                }
                Kept::Nothing | Kept::Beginning(_) => {
                    Err(BackendError::Failed(format!("the Secret {name} holds no entry of the journal")))
                }
            };
            let found: Option<Vec<Vec<u8>>> =
                entries.iter().map(joined).collect::<Result<_, BackendError>>()?;
            // A journal that ended while it was read has lost its parts.
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Err(contended())
    }

    /// The state's Secret and what it holds.
    fn read_state(&self) -> Result<(State, Option<Vec<u8>>), BackendError> {
        for _ in 0..MEETINGS {
            let Some(mut object) = self.server.get(Resource::Secrets, &self.names.state)? else {
                return Ok((State { object: None, digest: String::new(), parts: Vec::new() }, None));
            };
            let found = match packing::kept(&self.names.state, &object)? {
                Kept::Nothing => Some((None, Vec::new())),
                Kept::Whole(bytes) => Some((Some(bytes), Vec::new())),
                Kept::Parts(names) => self.joined(Vec::new(), names)?,
                Kept::Beginning(bytes) => {
                    let names = self.terraforms_parts()?;
                    self.joined(bytes, names)?
                }
            };
            if let Some(members) = object.as_object_mut() {
                members.remove("data");
            }
            if let Some((bytes, parts)) = found {
                let digest = bytes.as_deref().map(digest).unwrap_or_default();
                return Ok((State { object: Some(object), digest, parts }, bytes));
            }
        }
        Err(contended())
    }

    /// A state of several Secrets; nothing where one of them is gone, since another state took its place.
    fn joined(&self, mut packed: Vec<u8>, names: Vec<String>) -> Result<Option<Found>, BackendError> {
        for name in &names {
            let Some(part) = self.server.get(Resource::Secrets, name)? else {
                let stands = self.server.get(Resource::Secrets, &self.names.state)?;
                let kept =
                    stands.as_ref().map(|stands| packing::kept(&self.names.state, stands)).transpose()?;
                // Asked again, it names the same: the part will not come back.
                return if kept == Some(Kept::Parts(names.clone())) { Err(vanished(name)) } else { Ok(None) };
            };
            packed.extend(packing::bytes_of(&part));
        }
        Ok(Some((Some(unpacked(&self.names.state, &packed)?), names)))
    }

    /// The Secrets in which Terraform keeps what does not fit into the first.
    fn terraforms_parts(&self) -> Result<Vec<String>, BackendError> {
        let mut found = Vec::new();
        loop {
            let name = self.names.terraforms_part(found.len() + 1);
            if self.server.get(Resource::Secrets, &name)?.is_none() {
                return Ok(found);
            }
            found.push(name);
        }
    }

    fn is_still_held(&self, fence: Fence) -> Result<bool, BackendError> {
        if fence == Fence::UNLOCKED {
            return Ok(true);
        }
        let holder =
            self.known().held.as_ref().filter(|held| held.fence == fence).map(|held| held.holder.clone());
        let (Some(holder), Some(lease)) = (holder, self.read_lease()?) else { return Ok(false) };
        Ok(lease.is_of(fence.0, &holder))
    }

    /// What this handle knows of its lease; the server is not asked.
    fn check(&self, fence: Fence) -> Result<(), BackendError> {
        let is_held = self.known().held.as_ref().is_some_and(|held| held.fence == fence);
        if is_held || fence == Fence::UNLOCKED { Ok(()) } else { Err(BackendError::Fenced) }
    }

    /// The next position below a lease's number.
    fn position(&self, fence: Fence) -> Result<u64, BackendError> {
        if let Some(held) = self.known().held.as_ref().filter(|held| held.fence == fence) {
            return Ok(held.position);
        }
        self.next_position(fence.0)
    }

    fn next_sequence(&self) -> Result<u64, BackendError> {
        let known = self.known().next_sequence;
        match known {
            Some(next) => Ok(next),
            None => Ok(self.entries()?.len() as u64),
        }
    }

    /// The state's version and what it holds, as they were while the lease was held.
    fn version(&self, fence: Fence) -> Result<State, BackendError> {
        let known = self.known().state.clone();
        if let Some(state) = known {
            return Ok(state);
        }
        let (state, _) = self.read_state()?;
        // Asked after: whoever takes over from here on gives the state another version than this one.
        if self.is_still_held(fence)? { Ok(state) } else { Err(BackendError::Fenced) }
    }

    /// Writes the parts of what is too large for one Secret.
    fn write_parts(&self, holds: Holds, parts: &[(String, Vec<u8>)]) -> Result<(), BackendError> {
        for (name, bytes) in parts {
            match self.server.create(Resource::Secrets, &self.secret(name, holds, bytes))? {
                Written::Done(_) | Written::Refused { was_tried: true } => {}
                Written::Refused { was_tried: false } => return Err(contended()),
            }
        }
        Ok(())
    }

    fn remove(&self, names: impl IntoIterator<Item = String>) -> Result<(), BackendError> {
        names.into_iter().try_for_each(|name| self.server.delete(Resource::Secrets, &name))
    }

    /// Removes the parts of states that are no more: those of the one that was replaced, and what this lease and those
    /// before it left. Parts of a later lease are not this one's to remove.
    fn remove_parts(
        &self,
        fence: Fence,
        replaced: Vec<String>,
        stand: &[String],
    ) -> Result<(), BackendError> {
        self.remove(replaced)?;
        let names = self.server.list_names(Resource::Secrets, &self.names.selector(&[Holds::StatePart]))?;
        let is_left = |name: &String| {
            let of = self.names.fence_of_part(name);
            of.is_some_and(|of| of > 0 && of <= fence.0) && !stand.contains(name)
        };
        self.remove(names.into_iter().filter(is_left))
    }

    /// Removes the state with its journal. The Lease stays, so that its number never falls, and with it what shuts out
    /// its old holders.
    pub(crate) fn delete(&self) -> Result<(), BackendError> {
        let holds = [Holds::Entry, Holds::EntryPart, Holds::StatePart, Holds::History, Holds::HistoryPart];
        let selector = self.names.selector(&holds);
        let mut names = self.server.list_names(Resource::Secrets, &selector)?;
        names.reverse();
        self.remove(names)?;
        let (state, _) = self.read_state()?;
        self.server.delete(Resource::Secrets, &self.names.state)?;
        self.remove(state.parts)
    }

    /// Whether a lease still stands, asked of the server.
    fn must_be_held(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)?;
        if self.is_still_held(fence)? { Ok(()) } else { Err(BackendError::Fenced) }
    }

    fn history_numbers(&self) -> Result<Vec<u64>, BackendError> {
        let names = self.server.list_names(Resource::Secrets, &self.names.selector(&[Holds::History]))?;
        Ok(names.iter().filter_map(|name| self.names.number_of_history(name)).collect())
    }

    /// The names of the parts of a Secret of the history; none where it holds all of it.
    fn history_parts(name: &str, secret: &Json) -> Result<Vec<String>, BackendError> {
        match packing::kept(name, secret)? {
            Kept::Parts(parts) => Ok(parts),
            _ => Ok(Vec::new()),
        }
    }

    /// Changes the lease that this handle holds, whoever else wrote something into the object meanwhile.
    fn change_lease(&self, held: &Held, change: &dyn Fn(&Lease) -> Lease) -> Result<Lease, BackendError> {
        let mut stands = held.lease.clone();
        for _ in 0..MEETINGS {
            if let Written::Done(object) = self.server.write(Resource::Leases, change(&stands).object())? {
                return Ok(Lease::from(*object));
            }
            match self.read_lease()? {
                Some(lease) if lease.is_of(held.fence.0, &held.holder) => stands = lease,
                _ => return Err(BackendError::Fenced),
            }
        }
        Err(contended())
    }
}

fn set_annotation(object: &mut Json, name: &str, text: &str) {
    let annotations = &mut object["metadata"]["annotations"];
    if annotations.is_null() {
        *annotations = json!({});
    }
    annotations[name] = json!(text);
}

impl Backend for KubernetesBackend {
    fn name(&self) -> String {
        format!("kubernetes://{}/{}", self.server.namespace, self.names.state)
    }

    fn lease_duration(&self) -> Option<Duration> {
        Some(self.lease_duration)
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            let other = match self.try_lease(holder)? {
                Ok(held) => {
                    let fence = held.fence;
                    *self.known() = Known { held: Some(held), ..Known::default() };
                    return Ok(fence);
                }
                Err(other) => other,
            };
            if !self.server.network.pause_until(deadline, RETRY)? {
                return Err(BackendError::Held(other.map(Box::new)));
            }
        }
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)?;
        let Some(held) = self.known().held.clone() else { return Ok(()) };
        let lease = self.change_lease(&held, &|lease| lease.renewed(self.server.now()))?;
        if let Some(held) = self.known().held.as_mut().filter(|held| held.fence == fence) {
            held.lease = lease;
        }
        Ok(())
    }

    fn release(&self, fence: Fence) {
        let held = self.known().held.take_if(|held| held.fence == fence);
        let Some(held) = held else { return };
        // A lease that could not be given back is taken over when it is overdue.
        let _ = self.change_lease(&held, &|lease| {
            let mut free = lease.freed();
            let others: Vec<u64> = lease.unclosed().into_iter().filter(|other| *other != fence.0).collect();
            free.set_unclosed(&others);
            free
        });
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        Ok(self.read_lease()?.and_then(|lease| {
            let is_overdue = lease.is_overdue(self.server.now());
            Some(Holding { holder: lease.standing().holder()?, is_overdue })
        }))
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        for _ in 0..MEETINGS {
            let Some(lease) = self.read_lease()? else { return Err(BackendError::NotHeld(None)) };
            let is_ours = matches!(lease.standing(), Standing::Ours(_));
            match lease.standing().holder() {
                Some(holder) if holder.id == id => {}
                other => return Err(BackendError::NotHeld(other.map(Box::new))),
            }
            // Should this end before the holder is shut out, the next one does it: its number stays among the unclosed.
            // A heartbeat may have come between.
            if let Written::Done(_) = self.server.write(Resource::Leases, lease.freed().object())? {
                return if is_ours { self.shut_out(lease.fence()) } else { Ok(()) };
            }
        }
        Err(contended())
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        // The journal first: a run that ends meanwhile leaves one that the state holds already.
        let entries = self.entries()?;
        let (state, snapshot) = self.read_state()?;
        let next_sequence = entries.len() as u64;
        let mut known = self.known();
        known.next_sequence = Some(next_sequence);
        known.state = Some(state);
        Ok(Loaded { snapshot, journal: entries.concat(), next_sequence })
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        let expected = self.next_sequence()?;
        if expected != sequence {
            return Err(if self.is_still_held(fence)? {
                BackendError::OutOfSequence { expected, given: sequence }
            } else {
                BackendError::Fenced
            });
        }
        let position = self.position(fence)?;
        let name = self.names.entry(fence.0, position);
        let packed = pack(bytes, &self.names.parts(fence.0, &mark()))?;
        self.write_parts(Holds::EntryPart, &packed.parts)?;
        let entry = self.secret(&name, Holds::Entry, &packed.main);
        if let Written::Refused { was_tried } = self.server.create(Resource::Secrets, &entry)? {
            let stands = self.server.get(Resource::Secrets, &name)?;
            // The first answer was lost: what is there is this.
            if !(was_tried && stands.is_some_and(|stands| packing::bytes_of(&stands) == packed.main)) {
                self.remove(packed.parts.into_iter().map(|(name, _)| name))?;
                return Err(BackendError::Fenced);
            }
        }
        let mut known = self.known();
        known.next_sequence = Some(sequence + 1);
        if let Some(held) = known.held.as_mut().filter(|held| held.fence == fence) {
            held.position = position + 1;
        }
        Ok(())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        self.must_be_held(fence)?;
        let names = |holds| self.server.list_names(Resource::Secrets, &self.names.selector(&[holds]));
        // From the end: what a crash leaves is the beginning, which the state holds already. Entries of later leases
        // are not this one's to end.
        let is_mine = |of: Option<u64>| fence == Fence::UNLOCKED || of.is_some_and(|of| of <= fence.0);
        let entries = names(Holds::Entry)?;
        let fence_of = |name: &String| self.names.number_of_entry(name).map(|(fence, _)| fence);
        self.remove(entries.into_iter().rev().filter(|name| is_mine(fence_of(name))))?;
        let parts = names(Holds::EntryPart)?;
        self.remove(parts.into_iter().filter(|name| is_mine(self.names.fence_of_part(name))))?;
        self.known().next_sequence = Some(0);
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        let before = self.version(fence)?;
        let refused = |is_held: bool| if is_held { BackendError::Moved } else { BackendError::Fenced };
        if before.digest != expected {
            return Err(refused(self.is_still_held(fence)?));
        }
        let packed = pack(bytes, &self.names.parts(fence.0, &mark()))?;
        self.write_parts(Holds::StatePart, &packed.parts)?;
        let parts: Vec<String> = packed.parts.into_iter().map(|(name, _)| name).collect();
        let mut object = before.object.unwrap_or_else(|| self.empty_state());
        object["data"] = packing::data(&packed.main);
        let stands = match self.server.write(Resource::Secrets, &object)? {
            Written::Done(stands) => *stands,
            Written::Refused { was_tried } => match self.server.get(Resource::Secrets, &self.names.state)? {
                // The first answer was lost: what is there is this.
                Some(stands) if was_tried && packing::bytes_of(&stands) == packed.main => stands,
                _ => {
                    self.known().state = None;
                    self.remove(parts)?;
                    return Err(refused(self.is_still_held(fence)?));
                }
            },
        };
        let mut stands = stands;
        if let Some(members) = stands.as_object_mut() {
            members.remove("data");
        }
        self.known().state =
            Some(State { object: Some(stands), digest: digest(bytes), parts: parts.clone() });
        // What stays behind is removed with the next snapshot: the state itself stands.
        let _ = self.remove_parts(fence, before.parts, &parts);
        Ok(())
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        // Names sort as their numbers do.
        Ok(Some(self.history_numbers()?))
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        let name = self.names.history(number);
        let Some(secret) = self.server.get(Resource::Secrets, &name)? else { return Ok(None) };
        if let Kept::Whole(bytes) = packing::kept(&name, &secret)? {
            return Ok(Some(bytes));
        }
        let mut packed = Vec::new();
        for part in Self::history_parts(&name, &secret)? {
            let secret = self.server.get(Resource::Secrets, &part)?.ok_or_else(|| vanished(&part))?;
            packed.extend(packing::bytes_of(&secret));
        }
        Ok(Some(unpacked(&name, &packed)?))
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.must_be_held(fence)?;
        let name = self.names.history(number);
        let packed = pack(bytes, &self.names.parts(fence.0, &mark()))?;
        self.write_parts(Holds::HistoryPart, &packed.parts)?;
        let entry = self.secret(&name, Holds::History, &packed.main);
        let Written::Refused { was_tried } = self.server.create(Resource::Secrets, &entry)? else {
            return Ok(());
        };
        let stands = self.server.get(Resource::Secrets, &name)?;
        // The first answer was lost: what is there is this.
        if was_tried && stands.is_some_and(|stands| packing::bytes_of(&stands) == packed.main) {
            return Ok(());
        }
        self.remove(packed.parts.into_iter().map(|(name, _)| name))?;
        let expected = self.history_numbers()?.last().map_or(1, |last| last + 1);
        Err(BackendError::OutOfSequence { expected, given: number })
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        self.must_be_held(fence)?;
        for number in self.history_numbers()?.into_iter().filter(|number| *number < below) {
            let name = self.names.history(number);
            let secret = self.server.get(Resource::Secrets, &name)?.unwrap_or_default();
            // The entry first: without its parts it could not be read.
            let parts = Self::history_parts(&name, &secret)?;
            self.remove(std::iter::once(name).chain(parts))?;
        }
        Ok(())
    }
}

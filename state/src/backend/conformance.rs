//! What every backend must do, as one test that each runs on a place of its own.
//!
//! Invariant: nothing here knows which backend it looks at.

use super::relay::Relay;
use super::{Backend, BackendError, Fence, Holder};
use crate::line;
use crate::store::digest;
use std::sync::Arc;

type Finding = Result<(), String>;

/// Looks at one empty place through two handles, as two processes would have them. The first thing that is not as it
/// must be comes back in words. `lapse` waits until a lease without a heartbeat is over.
pub fn check(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>, lapse: &dyn Fn()) -> Finding {
    let fence = leases(first, second)?;
    journal(first, second, fence)?;
    snapshots(first, fence)?;
    history(first, second, fence)?;
    ended_leases(first, second, fence)?;
    if first.lease_duration().is_some() {
        overdue_leases(first, second, lapse)?;
        broken_leases(first, second)?;
    }
    Ok(())
}

/// Looks at one empty place behind a relay that loses answers: what was done is done once all the same.
pub fn check_lost_answers(place: &dyn Backend, relay: &Relay) -> Finding {
    done(place.load(), "load of an empty place")?;
    relay.lose_next_answer();
    let fence = done(place.lease(&holder("apply"), 0), "lease whose answer is lost")?;
    relay.lose_next_answer();
    done(place.append(fence, 0, b"one"), "append whose answer is lost")?;
    done(place.append(fence, 1, b"two"), "append")?;
    relay.lose_next_answer();
    done(place.snapshot(fence, "", b"{}"), "snapshot whose answer is lost")?;
    let loaded = done(place.load(), "load")?;
    must(loaded.journal == b"onetwo" && loaded.next_sequence == 2, "each entry is there once")?;
    must(loaded.snapshot.as_deref() == Some(b"{}"), "the snapshot is there")?;
    relay.lose_next_answer();
    done(place.seal(fence), "seal whose answer is lost")?;
    must(done(place.load(), "load")?.next_sequence == 0, "the journal is ended")?;
    place.release(fence);
    Ok(())
}

/// Appends batches to one empty place behind a relay: each takes two round trips at most. How many all took.
pub fn check_round_trips(place: &dyn Backend, relay: &Relay, batches: u64) -> Result<u64, String> {
    let fence = done(place.lease(&holder("apply"), 0), "lease")?;
    done(place.load(), "load")?;
    let before = relay.turns();
    for sequence in 0..batches {
        done(place.append(fence, sequence, &vec![b'x'; 20_000]), "append")?;
    }
    let counted = relay.turns() - before;
    must(
        counted <= 2 * batches,
        &format!("{counted} round trips are two at most for each of {batches} batches"),
    )?;
    place.release(fence);
    Ok(counted)
}

/// Looks at one empty place whose holder sleeps past its lease and reads no more: its writes are refused by the place
/// itself. `late` are snapshots that it tries.
pub fn check_stale_holder(
    first: &dyn Backend,
    second: &dyn Backend,
    lapse: &dyn Fn(),
    late: &[&[u8]],
) -> Finding {
    done(first.snapshot(Fence::UNLOCKED, "", b"{\"version\":4}"), "first snapshot")?;
    let stale = done(first.lease(&holder("sleeper"), 0), "lease of the holder that sleeps")?;
    let before = done(first.load(), "load")?;
    done(first.append(stale, 0, b"one"), "append")?;
    lapse();
    let fence = done(second.lease(&holder("apply"), 0), "lease of the one who takes over")?;
    must(done(second.load(), "load")?.journal == b"one", "what was appended in time is there")?;
    let refused = |outcome: Result<(), BackendError>| matches!(outcome, Err(BackendError::Fenced));
    must(refused(first.append(stale, 1, b"late")), "a late append is refused")?;
    let stands = before.snapshot.as_deref().map(digest).unwrap_or_default();
    for bytes in late {
        must(refused(first.snapshot(stale, &stands, bytes)), "a late snapshot is refused")?;
    }
    must(done(second.load(), "load")?.snapshot == before.snapshot, "the snapshot is what it was")?;
    done(second.append(fence, 1, b"two"), "append of the one who took over")?;
    done(second.snapshot(fence, &stands, b"{\"version\":4,\"serial\":2}"), "its snapshot")?;
    done(second.seal(fence), "its seal")?;
    must(refused(first.append(stale, 1, b"late")), "an append after the end is refused")?;
    let loaded = done(second.load(), "load")?;
    must(loaded.next_sequence == 0 && loaded.journal.is_empty(), "the journal is ended")?;
    second.release(fence);
    Ok(())
}

fn holder(operation: &str) -> Holder {
    Holder {
        id: format!("id-of-{operation}"),
        pid: std::process::id(),
        host: "host".to_owned(),
        user: "ada".to_owned(),
        operation: operation.to_owned(),
        command: format!("formwork {operation}"),
        since: "2026-01-02T03:04:05Z".to_owned(),
    }
}

/// Nothing may be written under a lease that is another's.
fn refuses(backend: &Arc<dyn Backend>, stale: Fence, what: &str) -> Finding {
    let late = entry("late")?;
    for (outcome, act) in [
        (backend.append(stale, 0, &late), "append"),
        (backend.seal(stale), "seal"),
        (backend.snapshot(stale, &digest(b"two"), b"late"), "snapshot"),
        (backend.append_history(stale, 9, b"late"), "entry of the history"),
        (backend.prune_history(stale, 9), "end of the history"),
        (backend.renew(stale), "heartbeat"),
    ] {
        must(matches!(outcome, Err(BackendError::Fenced)), &format!("{act} under {what} is refused"))?;
    }
    Ok(())
}

fn entry(text: &str) -> Result<Vec<u8>, String> {
    let text = line::encode(&text).map_err(|diagnostic| diagnostic.into_finding().detail)?;
    let mut entry = Vec::new();
    line::write(&mut entry, 0, &text);
    Ok(entry)
}

fn must(holds: bool, statement: &str) -> Finding {
    if holds { Ok(()) } else { Err(format!("does not hold: {statement}")) }
}

fn done<T>(outcome: Result<T, BackendError>, act: &str) -> Result<T, String> {
    outcome.map_err(|error| format!("{act}: {error}"))
}

fn leases(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>) -> Result<Fence, String> {
    let empty = done(first.load(), "load of an empty place")?;
    must(empty == super::Loaded::default(), "an empty place is empty")?;
    let fence = done(first.lease(&holder("apply"), 0), "first lease")?;
    must(fence > Fence::UNLOCKED, "a lease has a number")?;
    let refused = second.lease(&holder("plan"), 20).err();
    let told = matches!(&refused, Some(BackendError::Held(Some(other))) if **other == holder("apply"));
    must(told, "a second lease is refused and told who holds the first")?;
    let holding = done(second.holding(), "question who holds the lease")?;
    must(
        holding.is_some_and(|holding| holding.holder == self::holder("apply") && !holding.is_overdue),
        "whoever asks is told who holds the lease",
    )?;
    done(first.renew(fence), "heartbeat")?;
    first.release(fence);
    must(done(second.holding(), "question")?.is_none(), "a lease that was given back is nobody's")?;
    let next = done(second.lease(&holder("plan"), 0), "lease after release")?;
    must(next > fence, "the number of a lease rises")?;
    second.release(next);
    done(first.lease(&holder("apply"), 0), "lease after both")
}

fn journal(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>, fence: Fence) -> Finding {
    let entries = [entry("one")?, entry("two")?, entry("three")?];
    done(first.append(fence, 0, &entries[0]), "append 0")?;
    done(first.append(fence, 1, &entries[1]), "append 1")?;
    let again = first.append(fence, 1, &entries[1]).err();
    must(
        matches!(again, Some(BackendError::OutOfSequence { expected: 2, given: 1 })),
        "a number is used once",
    )?;
    let skipped = first.append(fence, 3, &entries[2]).err();
    must(
        matches!(skipped, Some(BackendError::OutOfSequence { expected: 2, given: 3 })),
        "no number is left out",
    )?;
    done(first.append(fence, 2, &entries[2]), "append 2")?;
    for (handle, name) in [(first, "its own"), (second, "another")] {
        let loaded = done(handle.load(), "load")?;
        must(
            loaded.journal == entries.concat(),
            &format!("{name} handle reads what was appended, in order"),
        )?;
        must(loaded.next_sequence == 3, &format!("{name} handle is told the next number"))?;
    }
    done(first.seal(fence), "seal")?;
    let loaded = done(first.load(), "load after seal")?;
    must(loaded.journal.is_empty() && loaded.next_sequence == 0, "a sealed journal is empty")?;
    done(first.append(fence, 0, &entries[2]), "append after seal")?;
    done(first.seal(fence), "seal again")?;
    done(first.seal(fence), "seal of an empty journal")
}

fn snapshots(first: &Arc<dyn Backend>, fence: Fence) -> Finding {
    let stands = || done(first.load(), "load").map(|loaded| loaded.snapshot);
    let early = first.snapshot(fence, &digest(b"other"), b"one").err();
    must(
        matches!(early, Some(BackendError::Moved)) && stands()?.is_none(),
        "a snapshot that is not there is not replaced",
    )?;
    done(first.snapshot(fence, "", b"one"), "first snapshot")?;
    let blind = first.snapshot(fence, "", b"two").err();
    must(matches!(blind, Some(BackendError::Moved)), "a snapshot that is there is not overwritten unseen")?;
    must(stands()?.as_deref() == Some(b"one"), "a refused snapshot changes nothing")?;
    done(first.snapshot(fence, &digest(b"one"), b"two"), "second snapshot")?;
    must(stands()?.as_deref() == Some(b"two"), "a snapshot replaces the one before")
}

fn history(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>, fence: Fence) -> Finding {
    let Some(numbers) = done(first.history(), "history")? else {
        return Err("does not hold: the place keeps a history".to_owned());
    };
    must(numbers.is_empty(), "an empty place has no history")?;
    for (number, text) in (1..).zip(["one", "two", "three"]) {
        done(first.append_history(fence, number, text.as_bytes()), "entry of the history")?;
    }
    let again = first.append_history(fence, 3, b"other").err();
    must(
        matches!(again, Some(BackendError::OutOfSequence { .. })),
        "an entry of the history is written once",
    )?;
    for handle in [first, second] {
        must(done(handle.history(), "history")? == Some(vec![1, 2, 3]), "all entries are listed in order")?;
        let entry = done(handle.history_entry(3), "entry")?;
        must(entry.as_deref() == Some(b"three"), "an entry is read as it was written")?;
        must(done(handle.history_entry(4), "entry")?.is_none(), "an entry that is not there is none")?;
    }
    done(first.prune_history(fence, 3), "end of the history's beginning")?;
    must(done(second.history(), "history")? == Some(vec![3]), "what was pruned is gone, and nothing else")?;
    must(done(first.load(), "load")?.next_sequence == 0, "the history is no part of the journal")
}

fn ended_leases(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>, stale: Fence) -> Finding {
    first.release(stale);
    first.release(stale);
    let fence = done(second.lease(&holder("apply"), 0), "lease of a second holder")?;
    refuses(first, stale, "an ended lease")?;
    first.release(stale);
    done(second.append(fence, 0, &entry("in time")?), "append of the second holder")?;
    let loaded = done(second.load(), "load")?;
    must(loaded.journal == entry("in time")?, "only the holder's entries stand")?;
    done(second.seal(fence), "seal of the second holder")?;
    second.release(fence);
    Ok(())
}

fn overdue_leases(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>, lapse: &dyn Fn()) -> Finding {
    let stale = done(first.lease(&holder("apply"), 0), "lease")?;
    done(first.append(stale, 0, &entry("before")?), "append")?;
    lapse();
    done(first.append(stale, 1, &entry("overdue")?), "append of an overdue lease that nobody took over")?;
    done(first.renew(stale), "heartbeat of an overdue lease that nobody took over")?;
    let refused = second.lease(&holder("plan"), 0).err();
    must(matches!(refused, Some(BackendError::Held(_))), "a heartbeat keeps a lease alive")?;
    lapse();
    let holding = done(second.holding(), "question")?;
    must(holding.is_some_and(|holding| holding.is_overdue), "whoever asks is told that a lease is overdue")?;
    let fence = done(second.lease(&holder("plan"), 0), "lease that takes over")?;
    must(fence > stale, "whoever takes over has a higher number")?;
    let loaded = done(second.load(), "load")?;
    let written = [entry("before")?, entry("overdue")?].concat();
    must(loaded.journal == written && loaded.next_sequence == 2, "whoever takes over reads all that counts")?;
    refuses(first, stale, "a lease that was taken over")?;
    first.release(stale);
    done(second.append(fence, 2, &entry("after")?), "append of whoever took over")?;
    done(second.seal(fence), "seal of whoever took over")?;
    second.release(fence);
    Ok(())
}

fn broken_leases(first: &Arc<dyn Backend>, second: &Arc<dyn Backend>) -> Finding {
    let early = second.break_lease("id-of-apply").err();
    must(matches!(early, Some(BackendError::NotHeld(None))), "there is no lease to break")?;
    let stale = done(first.lease(&holder("apply"), 0), "lease")?;
    let wrong = second.break_lease("id-of-plan").err();
    must(
        matches!(&wrong, Some(BackendError::NotHeld(Some(other))) if **other == holder("apply")),
        "only the lease that is named is broken",
    )?;
    done(second.break_lease("id-of-apply"), "break of a lease")?;
    let fence = done(second.lease(&holder("plan"), 0), "lease after a broken one")?;
    must(fence > stale, "the number after a broken lease is higher")?;
    refuses(first, stale, "a broken lease")?;
    second.release(fence);
    Ok(())
}

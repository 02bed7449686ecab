//! Two whole runs with the power failing in every request to the disk in turn.

use crate::records::*;
use formwork_state::journal::fold;
use formwork_state::simulated::{Loss, SimulatedFiles};
use formwork_state::{Folded, Record, State, Store, StoreOptions};

enum Act {
    Append(Record),
    Finish,
}

/// A first run that makes objects, and a second that replaces one and removes another.
fn script() -> Vec<Act> {
    let first = [
        begin("first"),
        providers(),
        intent(0, "a"),
        accepted(0, "a"),
        progress(0, "a", 1),
        intent(1, "b"),
        done(0, "a", Some(object("zero"))),
        done(1, "b", Some(object("one"))),
        outputs("x"),
        Record::Finished { errored: false },
    ];
    let second = [
        begin("second"),
        deposed(0, "c"),
        progress(0, "c", 2),
        done(0, "c", Some(object("next"))),
        delete_intent(set_aside(0), "d"),
        Record::Done { key: set_aside(0), token: token("d"), object: None },
        intent(1, "e"),
        failed(1, "e", Some(tainted("half"))),
        Record::Finished { errored: true },
    ];
    let mut acts: Vec<Act> = first.into_iter().map(Act::Append).collect();
    acts.push(Act::Finish);
    acts.extend(second.into_iter().map(Act::Append));
    acts.push(Act::Finish);
    acts
}

/// What stands before the first act and after each.
fn pictures(acts: &[Act]) -> Vec<String> {
    let mut folded = Folded { state: State::new(LINEAGE), ..Folded::default() };
    let mut pictures = vec![picture(&folded)];
    for act in acts {
        if let Act::Append(record) = act {
            fold(&mut folded, record).unwrap();
        }
        pictures.push(picture(&folded));
    }
    pictures
}

struct Sweep {
    acts: Vec<Act>,
    pictures: Vec<String>,
    skip_flush: bool,
}

impl Sweep {
    fn new(skip_flush: bool) -> Self {
        let acts = script();
        Self { pictures: pictures(&acts), acts, skip_flush }
    }

    fn open(&self, files: &SimulatedFiles) -> Result<Store, String> {
        let options = StoreOptions { skip_flush: self.skip_flush, ..options(files) };
        Store::open(options).map_err(|diagnostics| {
            format!("{:?}", diagnostics.iter().map(|found| &found.detail).collect::<Vec<_>>())
        })
    }

    /// Performs acts from one on, each acknowledged before the next; returns the first that was not.
    fn perform(&self, files: &SimulatedFiles, from: usize) -> usize {
        let Ok(mut store) = self.open(files) else { return from };
        for (at, act) in self.acts.iter().enumerate().skip(from) {
            let is_acknowledged = match act {
                Act::Append(record) => store.append(record).wait().is_ok(),
                Act::Finish => {
                    let outcome = store.finish();
                    let Ok(next) = self.open(files) else { return at + usize::from(outcome.is_ok()) };
                    store = next;
                    outcome.is_ok()
                }
            };
            if !is_acknowledged {
                return at;
            }
        }
        self.acts.len()
    }

    /// Fails the power once, goes on, and says what is wrong. False when the script ended before the power failed.
    fn crash(&self, after: u64, loss: Loss, end: &[u8]) -> Result<bool, String> {
        let files = SimulatedFiles::default();
        files.fail_power_after(after);
        let acknowledged = self.perform(&files, 0);
        let was_on = !files.is_off();
        files.restart(loss);
        let store = self.open(&files).map_err(|error| format!("unreadable: {error}"))?;
        let found = picture(&store.folded());
        drop(store);
        let last = self
            .pictures
            .iter()
            .rposition(|picture| *picture == found)
            .ok_or_else(|| format!("no prefix: {found}"))?;
        if last < acknowledged {
            return Err(format!("{acknowledged} acts were acknowledged, {last} stand"));
        }
        let first = self.pictures.iter().position(|picture| *picture == found).unwrap_or(last);
        let resumed = self.perform(&files, first);
        if resumed != self.acts.len() {
            return Err(format!("it cannot go on from {first}: stopped at {resumed}"));
        }
        match files.content(PATH) {
            Some(bytes) if bytes == end => {}
            other => {
                return Err(format!("another end: {}", String::from_utf8_lossy(&other.unwrap_or_default())));
            }
        }
        let backup = files.content(format!("{PATH}.backup")).ok_or("no backup")?;
        formwork_state::format_v4::read("backup", &backup).map_err(|error| error.into_finding().detail)?;
        if files.content(JOURNAL).is_some() {
            return Err("the journal stayed".to_owned());
        }
        Ok(!was_on)
    }

    fn end(&self) -> Vec<u8> {
        let files = SimulatedFiles::default();
        assert_eq!(self.perform(&files, 0), self.acts.len());
        files.content(PATH).unwrap()
    }

    /// At every request, and how many there were.
    fn at_every_request(&self, loss: impl Fn(u64) -> Loss) -> Result<u64, String> {
        let end = self.end();
        for after in 0.. {
            let loss = loss(after);
            if !self
                .crash(after, loss, &end)
                .map_err(|error| format!("request {after}, {loss:?}: {error}"))?
            {
                return Ok(after);
            }
        }
        Ok(0)
    }
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_fails() {
    let sweep = Sweep::new(false);
    for loss in [Loss::Everything, Loss::Nothing] {
        let requests = sweep.at_every_request(|_| loss).unwrap();
        println!("{loss:?}: power failed in each of {requests} requests");
        assert!(requests > 60, "{requests}");
    }
    for seed in 0..20 {
        sweep.at_every_request(|after| Loss::Chance(seed * 1000 + after + 1)).unwrap();
    }
}

#[test]
fn a_build_that_skips_the_flush_of_an_intent_fails_the_sweep() {
    let failure = Sweep::new(true).at_every_request(|_| Loss::Everything).unwrap_err();
    assert!(failure.contains("were acknowledged"), "{failure}");
}

//! A target that takes only so much at once, on a clock that moves when everybody waits.

use crate::world::{Line, World, text};
use formwork_engine::run;
use formwork_engine::{Clock, RunMode};
use futures::future::BoxFuture;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A clock that moves only when everybody waits for it.
#[derive(Default)]
struct HeldClock {
    now_ms: AtomicU64,
    sleepers: Mutex<Vec<(u64, Waker)>>,
}

impl HeldClock {
    /// Moves on to the next moment that somebody waits for; whether there is one.
    fn advance(&self) -> bool {
        let mut sleepers = self.sleepers.lock().unwrap();
        let Some(next) = sleepers.iter().map(|(until, _)| *until).min() else { return false };
        self.now_ms.fetch_max(next, Ordering::SeqCst);
        sleepers.drain(..).for_each(|(_, waker)| waker.wake());
        true
    }
}

/// The clock by its handle, so that who sleeps can look at it.
struct Handle(Arc<HeldClock>);

impl Clock for Handle {
    fn now(&self) -> String {
        "2026-01-02T03:04:05Z".to_owned()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.now_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, milliseconds: u64) -> BoxFuture<'static, ()> {
        let (clock, until) = (self.0.clone(), self.monotonic_ms() + milliseconds);
        Box::pin(std::future::poll_fn(move |context| {
            if clock.now_ms.load(Ordering::SeqCst) >= until {
                return Poll::Ready(());
            }
            clock.sleepers.lock().unwrap().push((until, context.waker().clone()));
            Poll::Pending
        }))
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs to the end; whenever nothing is left to do, time moves on.
fn run_out<T>(clock: &HeldClock, future: impl Future<Output = T>) -> T {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // What is written meanwhile may be all that is waited for.
        std::thread::sleep(Duration::from_millis(1));
        if !woken.0.swap(false, Ordering::SeqCst) && !clock.advance() {
            std::thread::yield_now();
        }
    }
}

/// Makes so many buckets on a target that takes so many at once; how often it refused, and how long it took.
fn applied(buckets: u32, at_once: u32) -> (u64, u64) {
    let made = made(&format!(
        r#"
terraform {{
  required_providers {{
    sim = {{ source = "formwork/sim" }}
  }}
}}
provider "sim" {{
  latency_ms      = 1000
  changes_at_once = {at_once}
}}
resource "sim_bucket" "all" {{
  count = {buckets}
  name  = "bucket-${{count.index}}"
}}
"#
    ));
    assert_eq!(made.errors, "");
    assert_eq!(made.world.addresses().len(), buckets as usize);
    (made.world.throttled.load(Ordering::SeqCst), made.taken_ms)
}

/// What an apply came to.
struct Made {
    world: World,
    errors: String,
    taken_ms: u64,
}

fn made(configuration: &str) -> Made {
    let mut world = World::new(configuration);
    let clock = Arc::new(HeldClock::default());
    world.clock = Arc::new(Handle(clock.clone()));
    let (errors, taken_ms) = apply(&world, &clock);
    Made { world, errors, taken_ms }
}

/// Plans and applies; the errors, and how long the apply took.
fn apply(world: &World, clock: &HeldClock) -> (String, u64) {
    let (environment, configuration, store) = (world.environment(), world.configuration(), world.store());
    let folded = store.folded().clone();
    let options = World::options(RunMode::Normal);
    let planning = run_out(clock, run::plan(&environment, &configuration, &folded, &options));
    assert!(!planning.diagnostics.has_errors(), "{}", text(&planning.diagnostics, &configuration.sources));
    let began = clock.now_ms.load(Ordering::SeqCst);
    let outcome = run_out(clock, run::apply(&environment, &store, &planning.plan, "run-1", "default"));
    store.finish().unwrap();
    (text(&outcome.diagnostics, &outcome.sources), clock.now_ms.load(Ordering::SeqCst) - began)
}

#[test]
fn a_target_that_refuses_is_given_less() {
    let (refused, _) = applied(60, 10);
    assert_eq!(refused, 0, "what it takes is not held back");
    let (refused, taken_ms) = applied(60, 2);
    // With ten at once all the time, it refuses more than a hundred times.
    assert!(refused < 60, "{refused} refusals");
    // Two a second is all that it can do.
    assert!((30_000..90_000).contains(&taken_ms), "{taken_ms} ms");
}

fn machines(timeouts: &str, settings: &str, count: u32) -> String {
    format!(
        r#"
terraform {{
  required_providers {{
    sim = {{ source = "formwork/sim" }}
  }}
}}
provider "sim" {{
  {settings}
}}
resource "sim_network" "main" {{
  name = "main"
  cidr = "10.20.0.0/16"
}}
resource "sim_machine" "all" {{
  count   = {count}
  name    = "machine-${{count.index}}"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = sim_network.main.id
  {timeouts}
}}
"#
    )
}

#[test]
fn time_limits() {
    // Each change takes a minute, and one is let in at once: the others are refused until their time is up.
    let settings = "latency_ms = 60000\n  changes_at_once = 1";
    let given = made(&machines("timeouts { create = \"5s\" }", settings, 3));
    assert!(given.errors.contains("Its time limit of 5 seconds leaves no room"), "{}", given.errors);
    let patient = made(&machines("", settings, 3));
    assert_eq!(patient.errors, "");
    assert!(given.taken_ms < patient.taken_ms, "{} and {} ms", given.taken_ms, patient.taken_ms);
}

#[test]
fn who_stands_in_line_has_its_time_for_each_that_is_before_it() {
    // It takes some steps of three seconds.
    let errors = |line: Option<Line>| {
        let mut world = World::new(&machines("timeouts { create = \"5s\" }", "latency_ms = 3000", 1));
        world.line = line;
        let clock = Arc::new(HeldClock::default());
        world.clock = Arc::new(Handle(clock.clone()));
        apply(&world, &clock).0
    };
    assert!(errors(None).contains("After 6 seconds the target still says"), "{}", errors(None));
    assert_eq!(errors(Some(Line::Moves)), "");
    let stands = errors(Some(Line::Stands));
    assert!(stands.contains("the target still says: another"), "{stands}");
}

/// Plans over a machine that cannot be read; the errors, and how long that took.
fn unread(timeouts: &str) -> (String, u64) {
    let mut world = World::new(&machines(timeouts, "", 1));
    let clock = Arc::new(HeldClock::default());
    world.clock = Arc::new(Handle(clock.clone()));
    assert_eq!(apply(&world, &clock).0, "");
    world.refuses_reads.store(true, Ordering::SeqCst);
    let (environment, configuration, store) = (world.environment(), world.configuration(), world.store());
    let folded = store.folded().clone();
    let began = clock.now_ms.load(Ordering::SeqCst);
    let options = World::options(RunMode::Normal);
    let planning = run_out(&clock, run::plan(&environment, &configuration, &folded, &options));
    let taken_ms = clock.now_ms.load(Ordering::SeqCst) - began;
    (text(&planning.diagnostics, &configuration.sources), taken_ms)
}

#[test]
fn a_read_is_not_tried_again_past_its_time() {
    let (given, given_ms) = unread("timeouts { read = \"1s\" }");
    assert!(given.contains("nobody answers"), "{given}");
    assert!(given.contains("Its time limit of 1 seconds leaves no room"), "{given}");
    assert!((200..=1_000).contains(&given_ms), "{given_ms} ms");
    let (patient, patient_ms) = unread("");
    assert!(patient.contains("nobody answers"), "{patient}");
    assert!(!patient.contains("leaves no room"), "{patient}");
    assert!(patient_ms > 3_000, "{patient_ms} ms");
}

//! Feeds a part of the language what nobody would write, and keeps what reaches code that nothing else reached.
//!
//! `tests/fuzz` builds and starts it, once a target. It ends with 1 when an input made a target panic; an input that
//! ends the process or takes too long is in the file `current`, from where the caller takes it.

mod change;
mod coverage;
mod targets;

use change::{Chance, changed};
use coverage::Reached;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// An input that takes longer is a finding.
const SECONDS_AN_INPUT: u64 = 10;

/// What the process ends with when an input took too long.
const TOO_LONG: i32 = 70;

/// Longer inputs are cut.
const INPUT_MAXIMUM: usize = 4096;

/// Where seeds, findings and what was kept are.
struct Places {
    seeds: PathBuf,
    work: PathBuf,
}

struct Run {
    target: Target,
    reached: Reached,
    inputs: Vec<String>,
    current: File,
    executions: u64,
    findings: u32,
    work: PathBuf,
}

static STARTED: AtomicU64 = AtomicU64::new(0);

fn milliseconds() -> u64 {
    static BEGINNING: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    u64::try_from(BEGINNING.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Ends the process when one input takes too long.
fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let started = STARTED.load(Ordering::Relaxed);
            if started > 0 && milliseconds().saturating_sub(started) > SECONDS_AN_INPUT * 1000 {
                std::process::exit(TOO_LONG);
            }
        }
    });
}

impl Run {
    /// Runs one input; whether it reached something new.
    fn execute(&mut self, input: &str) -> bool {
        let length = u64::try_from(input.len()).unwrap_or(0);
        let kept = self.current.set_len(length).and_then(|()| self.current.write_all_at(input.as_bytes(), 0));
        assert!(kept.is_ok(), "the input at hand is kept");
        STARTED.store(milliseconds().max(1), Ordering::Relaxed);
        Reached::begin();
        let target = self.target;
        let outcome = std::panic::catch_unwind(|| targets::run(target, input));
        STARTED.store(0, Ordering::Relaxed);
        self.executions += 1;
        let is_new = self.reached.take();
        if outcome.is_err() && is_new {
            self.findings += 1;
            let name = format!("finding-{}", self.findings);
            let _ = std::fs::write(self.work.join(&name), input);
            println!("{name}: {input:?}");
        }
        is_new && outcome.is_ok()
    }

    fn explore(&mut self, seconds: u64, seed: u64) {
        let functions = targets::function_names();
        let mut chance = Chance::new(seed);
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let input = &self.inputs[chance.below(self.inputs.len())];
            let other = &self.inputs[chance.below(self.inputs.len())];
            let mut next = changed(input, other, &functions, &mut chance);
            let mut length = next.len().min(INPUT_MAXIMUM);
            while !next.is_char_boundary(length) {
                length -= 1;
            }
            next.truncate(length);
            if self.execute(&next) {
                self.inputs.push(next);
            }
        }
    }
}

fn seeds(places: &Places, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(places.seeds.join(format!("{name}.jsonl"))).unwrap_or_default();
    let mut seeds: Vec<String> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    seeds.push(String::new());
    seeds
}

/// The fewest inputs, short ones first, that reach as much: what is worth keeping as seeds.
fn keep(run: &mut Run, path: &Path) -> std::io::Result<()> {
    const KEPT_LONGEST: usize = 200;
    const KEPT_MOST: usize = 300;
    let mut inputs = std::mem::take(&mut run.inputs);
    inputs.sort_by_key(String::len);
    run.reached = Reached::new();
    let mut file = File::create(path)?;
    let mut kept = 0;
    for input in inputs.iter().filter(|input| (1..=KEPT_LONGEST).contains(&input.len())) {
        if kept < KEPT_MOST && run.execute(input) {
            kept += 1;
            writeln!(file, "{}", serde_json::Value::from(input.as_str()))?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, seed, seeds_folder, work, rest @ ..] = arguments.as_slice() else {
        println!("usage: formwork-fuzz TARGET SECONDS SEED SEEDS WORK [KEEP]; see tests/fuzz --help");
        return ExitCode::from(2);
    };
    let found = TARGETS.iter().find(|(other, _)| other == name);
    let (Some((_, target)), Ok(seconds), Ok(seed)) = (found, seconds.parse(), seed.parse()) else {
        println!("there is no target {name:?}, or a number is none");
        return ExitCode::from(2);
    };
    let places = Places { seeds: seeds_folder.into(), work: work.into() };
    let Ok(current) = File::create(places.work.join("current")) else {
        println!("{} cannot be written", places.work.display());
        return ExitCode::from(2);
    };
    let mut run = Run {
        target: *target,
        reached: Reached::new(),
        inputs: Vec::new(),
        current,
        executions: 0,
        findings: 0,
        work: places.work.clone(),
    };
    watch();
    for seed in seeds(&places, name) {
        run.execute(&seed);
        run.inputs.push(seed);
    }
    run.explore(seconds, seed);
    let (edges, taken) = run.reached.edges();
    println!(
        "{name}: {} executions, {} inputs kept, {taken} of {edges} edges, {} findings",
        run.executions,
        run.inputs.len(),
        run.findings
    );
    if let [path] = rest
        && let Err(error) = keep(&mut run, Path::new(path))
    {
        println!("{path}: {error}");
    }
    if run.findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! How fast configuration files are read, from memory and in this thread: `parse-speed FOLDER [RUNS]` prints megabytes
//! a second of CPU for the syntax alone and for loading the folder as a module, the best of so many runs.
#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program for people that prints rates"
)]

use formwork_diagnostic::{Diagnostics, Sources};
use formwork_lang::{MemorySource, check_syntax, load};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The shortest time that something takes, and what it says.
fn least(runs: usize, work: impl Fn() -> Diagnostics) -> (Duration, Diagnostics) {
    let mut best = (Duration::MAX, Diagnostics::new());
    for _ in 0..runs {
        let start = Instant::now();
        let found = work();
        best = (best.0.min(start.elapsed()), found);
    }
    best
}

fn files(folder: &str) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "tf") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(files)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runs = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let Some(files) = arguments.first().and_then(|folder| files(folder).ok()) else {
        println!("usage: parse-speed FOLDER [RUNS]");
        return ExitCode::from(2);
    };
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let megabytes = bytes as f64 / 1e6;
    let mut sources = Sources::new();
    let ids: Vec<_> = files.iter().map(|(name, text)| sources.add(name.as_str(), text.as_str())).collect();
    let syntax = least(runs, || {
        let mut found = Diagnostics::new();
        for id in &ids {
            found.append(check_syntax(*id, &sources));
        }
        found
    });
    let memory = MemorySource::from_iter(files);
    let module = least(runs, || load(&memory, &mut Sources::new()).1);
    for (what, (time, found)) in [("syntax", syntax), ("load", module)] {
        let rate = megabytes / time.as_secs_f64();
        println!(
            "{what}: {megabytes:.1} MB in {:.3} s, {rate:.0} MB/s, {} findings",
            time.as_secs_f64(),
            found.len()
        );
    }
    ExitCode::SUCCESS
}

//! `TF_LOG` and `TF_LOG_PATH`: tracing for those who ask for it.

use formwork_diagnostic::Diagnostic;
use std::fs::OpenOptions;
use std::sync::Mutex;
use tracing_subscriber::filter::LevelFilter;

/// Who asks for a log; the first that says something decides for all parts.
const LEVELS: [&str; 3] = ["TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER"];

/// Starts logging where the environment asks for it; else costs nothing.
pub(crate) fn start() -> Result<(), Diagnostic> {
    let level = LEVELS.iter().find_map(|name| std::env::var(name).ok().filter(|level| !level.is_empty()));
    let Some(level) = level else { return Ok(()) };
    let (filter, is_json) = match level.to_ascii_uppercase().as_str() {
        "JSON" => (LevelFilter::TRACE, true),
        "OFF" => return Ok(()),
        "DEBUG" => (LevelFilter::DEBUG, false),
        "INFO" => (LevelFilter::INFO, false),
        "WARN" => (LevelFilter::WARN, false),
        "ERROR" => (LevelFilter::ERROR, false),
        _ => (LevelFilter::TRACE, false),
    };
    let builder = tracing_subscriber::fmt().with_max_level(filter).with_ansi(false);
    let path = std::env::var_os("TF_LOG_PATH").filter(|path| !path.is_empty());
    let done = if let Some(path) = path {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| unwritable(&path.to_string_lossy(), &error))?;
        let builder = builder.with_writer(Mutex::new(file));
        if is_json { builder.json().try_init() } else { builder.try_init() }
    } else {
        let builder = builder.with_writer(std::io::stderr);
        if is_json { builder.json().try_init() } else { builder.try_init() }
    };
    done.map_err(|error| {
        Diagnostic::error("log-not-started", "Logging could not be started", format!("{error}."))
    })
}

fn unwritable(path: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(
        "log-unwritable",
        "Log file cannot be written",
        format!("TF_LOG_PATH names {path}, which could not be opened: {error}."),
    )
    .hint("Name a file in a folder that exists, or unset TF_LOG_PATH to log to standard error.")
}

//! A provider that a host starts as it starts any other: in version 5 or 6 of the protocol (`FIXTURE_PROTOCOL`, else
//! the highest that the host knows), over a world in a folder (`FIXTURE_WORLD`), with faults on demand
//! (`FIXTURE_FAULTS`, see `fault`).

mod fault;
mod provider;
mod server;
mod shape;
mod wire;
mod world;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

#[expect(clippy::print_stderr, reason = "a provider says there what is wrong")]
fn main() -> ExitCode {
    if std::env::var("TF_PLUGIN_MAGIC_COOKIE").as_deref() != Ok(COOKIE) {
        eprintln!("This binary is a plugin. It is started by a host and not by hand.");
        return ExitCode::FAILURE;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the fixture cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let faults = fault::Faults::read();
    before_greeting(&faults)?;
    let version = match std::env::var("FIXTURE_PROTOCOL").as_deref() {
        Ok("5") => 5,
        Ok(_) => 6,
        Err(_) => match std::env::var("PLUGIN_PROTOCOL_VERSIONS") {
            Ok(known) if !known.contains('6') => 5,
            _ => 6,
        },
    };
    let provider = Arc::new(provider::Provider { version, faults, world: world::World::open()? });
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(listen(provider))
}

async fn listen(provider: Arc<provider::Provider>) -> Result<(), Box<dyn Error>> {
    let folder = std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("fixture-{}", std::process::id()));
    let listener = tokio::net::UnixListener::bind(&path)?;
    let (acceptor, certificate) = match std::env::var("PLUGIN_CLIENT_CERT") {
        Ok(client) => {
            let (acceptor, certificate) = server::secured(&client)?;
            let told = if provider.faults.has("other-certificate") {
                server::secured(&client)?.1
            } else {
                certificate
            };
            (Some(acceptor), STANDARD_NO_PAD.encode(told))
        }
        Err(_) => (None, String::new()),
    };
    if provider.faults.has("no-socket") {
        std::fs::remove_file(&path)?;
    }
    let listener = if provider.faults.has("file-socket") {
        std::fs::remove_file(&path)?;
        std::fs::write(&path, "no socket")?;
        listener
    } else if provider.faults.has("swapped-socket") {
        std::fs::remove_file(&path)?;
        tokio::net::UnixListener::bind(&path)?
    } else {
        listener
    };
    let acceptor = match std::env::var("PLUGIN_CLIENT_CERT") {
        Ok(client) if provider.faults.has("swapped-socket") => Some(server::secured(&client)?.0),
        _ => acceptor,
    };
    say(&greeting(&provider, &path.display().to_string(), &certificate))?;
    if provider.faults.has("chatter") {
        for is_error in [false, true] {
            std::thread::spawn(move || chatter(is_error));
        }
    }
    provider.world.log("Start", "-");
    server::serve(listener, acceptor, provider).await;
    Ok(())
}

fn greeting(provider: &provider::Provider, path: &str, certificate: &str) -> String {
    let has = |fault| provider.faults.has(fault);
    let core = if has("core-2") { 2 } else { 1 };
    let version = if has("protocol-4") { 4 } else { provider.version };
    let spoken = if has("netrpc") { "netrpc" } else { "grpc" };
    let certificate = if has("no-certificate") { "" } else { certificate };
    if has("elsewhere") {
        return format!("{core}|{version}|tcp|192.0.2.1:10000|{spoken}|{certificate}\n");
    }
    format!("{core}|{version}|unix|{path}|{spoken}|{certificate}\n")
}

fn say(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

fn before_greeting(faults: &fault::Faults) -> Result<(), Box<dyn Error>> {
    if faults.has("slow-start") {
        std::thread::sleep(Duration::from_secs(3));
    }
    if faults.has("exits") {
        return Err("told to end before its greeting".into());
    }
    if faults.has("garbage") {
        say("Welcome to the fixture!\n")?;
    }
    while faults.has("long-line") {
        say(&"a line without end ".repeat(1_000))?;
    }
    while faults.has("no-handshake") {
        std::thread::sleep(Duration::from_mins(1));
    }
    Ok(())
}

/// Prints without end; a closed pipe ends it.
fn chatter(is_error: bool) {
    let line = format!("{{\"@level\":\"debug\",\"@message\":\"{}\"}}\n", "chatter ".repeat(100));
    loop {
        let done = if is_error { std::io::stderr().write_all(line.as_bytes()) } else { say(&line) };
        if done.is_err() {
            return;
        }
    }
}

//! A way to a server through which a test counts round trips, keeps what is sent, and loses an answer when it wants one
//! lost.
//!
//! Invariant: bytes are passed on as they come, so that what is spoken, in clear or not, is none of its business.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Listens on loopback until the process ends.
pub struct Relay {
    /// `127.0.0.1:PORT`.
    pub address: String,
    turns: Arc<AtomicU64>,
    is_losing: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<u8>>>,
}

/// The two ways of a connection, which know when the client speaks after the server did.
#[derive(Clone)]
struct Talk {
    turns: Arc<AtomicU64>,
    is_losing: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<u8>>>,
    is_answered: Arc<AtomicBool>,
}

impl Relay {
    /// A way to a server, `HOST:PORT`.
    pub fn start(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let relay = Self { address, turns: Arc::default(), is_losing: Arc::default(), sent: Arc::default() };
        let (turns, is_losing, sent) = (relay.turns.clone(), relay.is_losing.clone(), relay.sent.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let is_answered = Arc::new(AtomicBool::new(true));
                let (turns, is_losing, sent) = (turns.clone(), is_losing.clone(), sent.clone());
                let talk = Talk { turns, is_losing, sent, is_answered };
                // A server that takes no connection shows as one that ends it.
                let _ = connect(&client, &server, talk);
            }
        });
        Ok(relay)
    }

    /// How often a client spoke after its server had, so far.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::SeqCst)
    }

    /// All that clients sent so far.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next answer is lost with its connection; what was asked for is done.
    pub fn lose_next_answer(&self) {
        self.is_losing.store(true, Ordering::SeqCst);
    }
}

fn connect(client: &TcpStream, server: &str, talk: Talk) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (from_server, to_client) = (server, client.try_clone()?);
    let asking = talk.clone();
    std::thread::spawn(move || {
        pass(from_client, to_server, |bytes| {
            asking.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            let is_turn = asking.is_answered.swap(false, Ordering::SeqCst);
            asking.turns.fetch_add(u64::from(is_turn), Ordering::SeqCst);
            true
        });
    });
    std::thread::spawn(move || {
        pass(from_server, to_client, |_| {
            talk.is_answered.store(true, Ordering::SeqCst);
            !talk.is_losing.swap(false, Ordering::SeqCst)
        });
    });
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, may: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 65536];
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 || !may(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Either side may have gone first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

//! A host that is reached through another: the outer connection carries the inner one's bytes.
//!
//! Invariant: the bastion sees nothing but what the host behind it would show to anybody on the way; that host's key is
//! checked as always.

use super::{SILENCE, connect, session};
use crate::link::Trouble;
use crate::place::{Bastion, Place};
use crate::settings::{FirstKeys, Settings};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{Channel, Session};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

const BUFFER_BYTES: usize = 32 * 1024;

/// A stream that leads through the bastion to the host.
pub(super) fn through(bastion: &Bastion, place: &Place, settings: &Settings) -> Result<UnixStream, Trouble> {
    let outer = Place {
        address: bastion.address.clone(),
        port: bastion.port,
        user: bastion.user.clone(),
        host_key: bastion.host_key.clone(),
        becomes_root: false,
        is_local: false,
        bastion: None,
    };
    let words = outer.words();
    let unreachable =
        |error: &dyn std::fmt::Display| Trouble::Unreachable(format!("the bastion {words}: {error}"));
    let stream = connect(&outer, settings.connect_timeout).map_err(|error| unreachable(&error))?;
    let socket = stream.try_clone().map_err(|error| unreachable(&error))?;
    // Its first key can be kept with no object, so it must be known where that is not asked for expressly.
    let own = settings.bastion_credentials.clone().unwrap_or_else(|| settings.credentials.clone());
    let first_keys =
        if settings.first_keys == FirstKeys::OfAll { FirstKeys::OfAll } else { FirstKeys::Refused };
    let settings = Settings { first_keys, credentials: own, ..settings.clone() };
    let (session, _) = session(stream, &outer, &settings, &[]).map_err(|trouble| about(&words, trouble))?;
    let channel = session.channel_direct_tcpip(&place.address, place.port, None).map_err(|error| {
        Trouble::Unreachable(format!("the bastion {words} does not reach it: {}", error.message()))
    })?;
    let (near, far) = UnixStream::pair().map_err(|error| unreachable(&error))?;
    far.set_nonblocking(true).map_err(|error| unreachable(&error))?;
    let way = Way { session, channel, socket, far };
    std::thread::Builder::new()
        .name("bastion".to_owned())
        .spawn(move || way.carry())
        .map_err(|error| unreachable(&error))?;
    Ok(near)
}

fn about(words: &str, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Denied { why, hint } => Trouble::Denied { why: format!("the bastion {words}: {why}"), hint },
        Trouble::Unreachable(why) => Trouble::Unreachable(format!("the bastion {words}: {why}")),
        lost @ Trouble::Lost(_) => lost,
    }
}

/// Both ends of what leads through a bastion.
struct Way {
    session: Session,
    channel: Channel,
    /// The outer connection's, to wait for.
    socket: TcpStream,
    far: UnixStream,
}

/// Bytes on their way in one direction.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    from: usize,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.from == self.bytes.len()
    }

    /// Takes what there is to read, where all was passed on; whether the other side has ended.
    fn fill(&mut self, source: &mut impl Read) -> std::io::Result<Moved> {
        if !self.is_empty() {
            return Ok(Moved::Nothing);
        }
        self.bytes.resize(BUFFER_BYTES, 0);
        self.from = 0;
        let read = retried(source.read(&mut self.bytes));
        self.bytes.truncate(read.as_ref().ok().copied().flatten().unwrap_or(0));
        Ok(match read? {
            None => Moved::Nothing,
            Some(0) => Moved::End,
            Some(_) => Moved::Some,
        })
    }

    fn pass(&mut self, target: &mut impl Write) -> std::io::Result<Moved> {
        if self.is_empty() {
            return Ok(Moved::Nothing);
        }
        let written = retried(target.write(&self.bytes[self.from..]))?;
        self.from += written.unwrap_or(0);
        Ok(if written.is_some() { Moved::Some } else { Moved::Nothing })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    Some,
    Nothing,
    End,
}

/// Nothing where there is nothing to be had just now.
fn retried(done: std::io::Result<usize>) -> std::io::Result<Option<usize>> {
    match done {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Way {
    /// Carries bytes both ways until one side ends.
    fn carry(mut self) {
        self.session.set_blocking(false);
        let _ = self.exchange();
        let _ = self.far.shutdown(Shutdown::Both);
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn exchange(&mut self) -> std::io::Result<()> {
        let (mut out, mut back) = (Pending::default(), Pending::default());
        loop {
            let moved = [
                out.fill(&mut self.far)?,
                out.pass(&mut self.channel)?,
                back.fill(&mut self.channel)?,
                back.pass(&mut self.far)?,
            ];
            if moved.contains(&Moved::End) {
                return back.pass(&mut self.far).map(drop);
            }
            if moved.iter().all(|one| *one == Moved::Nothing) {
                self.wait(!out.is_empty(), !back.is_empty())?;
            }
        }
    }

    /// Waits until something can go on; after much silence the bastion is asked whether it is there.
    fn wait(&self, is_sending: bool, is_receiving: bool) -> std::io::Result<()> {
        let mut outer = PollFlags::IN;
        outer.set(PollFlags::OUT, is_sending);
        // While there is something for it that it does not take, nothing more is read from it.
        let inner = if is_receiving { PollFlags::OUT } else { PollFlags::IN };
        let inner = if is_sending { inner.difference(PollFlags::IN) } else { inner };
        let mut both = [PollFd::new(&self.socket, outer), PollFd::new(&self.far, inner)];
        let limit = Timespec { tv_sec: i64::try_from(SILENCE.as_secs()).unwrap_or(15), tv_nsec: 0 };
        if poll(&mut both, Some(&limit))? == 0 {
            let _ = self.session.keepalive_send();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Moved, Pending};
    use std::io::Read;

    /// Gives one byte at a time, then nothing, then its end.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                let is_over = std::mem::replace(&mut self.1, true);
                return if is_over { Ok(0) } else { Err(std::io::ErrorKind::WouldBlock.into()) };
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn bytes_are_passed_on_in_their_order() {
        let (mut source, mut target, mut pending) =
            (Slow(b"abc".to_vec(), false), Vec::new(), Pending::default());
        let mut seen = Vec::new();
        loop {
            let filled = pending.fill(&mut source).unwrap();
            seen.push(filled);
            if filled == Moved::End {
                break;
            }
            // What is not passed on yet is not written over.
            assert!(filled == Moved::Nothing || pending.fill(&mut source).unwrap() == Moved::Nothing);
            pending.pass(&mut target).unwrap();
        }
        assert_eq!(target, b"abc");
        assert!(seen == [Moved::Some, Moved::Some, Moved::Some, Moved::Nothing, Moved::End]);
    }
}

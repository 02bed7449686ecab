//! What stands for connections in a build without them.

use crate::link::{Output, Trouble};
use crate::place::Place;
use crate::settings::Settings;

/// No connection can be open.
pub(crate) enum Ssh {}

impl Ssh {
    /// Says what is missing.
    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub(crate) async fn open(
        _: &Place,
        _: &Settings,
        _: &[String],
    ) -> Result<(Self, Option<String>), Trouble> {
        let why = "this build speaks no SSH".to_owned();
        Err(Trouble::Denied {
            why,
            hint: "Build with --features provider-host-ssh, or set connection = \"local\".",
        })
    }

    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub(crate) async fn run(&mut self, _: &str, _: &str) -> Result<Output, Trouble> {
        match *self {}
    }

    pub(crate) fn is_broken(&self) -> bool {
        match *self {}
    }
}

//! Whole-program tests: a folder of configuration, the real binary run in it, and what it said.
//!
//! Invariant: the only door is the command line; a test that reaches around it belongs beside the code.

mod cloud;
mod consumers;
mod forge;
mod hosts;
mod http;
mod lab;
mod planted;
mod project;

pub use cloud::Cloud;
pub use consumers::consumer;
pub use forge::{Ended, Forge, Github, Gitlab, Kill, Pipeline, Store};
pub use hosts::{Hosts, assert_says};
pub use http::{HttpRequest, answer_http};
pub use lab::{Lab, OtherLab};
pub use planted::{found_in, holds};
pub use project::{Finished, Project, program, project, repository, said};

//! OpenTofu itself beside the program: what each writes, and each going on with what the other left.
//!
//! It needs `tests/lab/opentofu` and `tests/lab/plugins`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test whose program or lab does not answer cannot go on"
)]

mod both;
mod handing_over;
mod plans;
mod writes;

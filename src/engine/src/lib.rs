//! Plan and apply

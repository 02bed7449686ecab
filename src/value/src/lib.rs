//! Types and values with go-cty's semantics

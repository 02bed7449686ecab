//! The configuration language: text to syntax tree to module tree

//! Whole-program tests: see the verbs beside this folder.

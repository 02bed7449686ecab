//! Addresses, state, journal and the file backend

//! The contract between the engine and a provider

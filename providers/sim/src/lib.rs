//! A simulated datacentre behind the real provider contract

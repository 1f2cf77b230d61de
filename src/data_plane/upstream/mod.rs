//! Connections to providers: resolved names in, fit connections out. Knows no credential.

pub mod connect;
pub mod connection;
pub mod pool;

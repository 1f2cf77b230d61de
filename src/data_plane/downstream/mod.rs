//! The client's side: accept, read requests, write answers. Knows no provider.

pub mod connection;
pub mod listener;
pub mod request;
pub mod response;

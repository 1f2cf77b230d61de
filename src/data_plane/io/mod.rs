//! Sockets as the planes use them. No future that owns a buffer is ever dropped half way (D3).

pub mod buffer;
pub mod fault;
pub mod fd;
pub mod readiness;
pub mod slot;
pub mod stream;
pub mod tls;
pub mod watch;
pub mod wheel;

//! What of RFC 9112 we speak, and what we refuse.

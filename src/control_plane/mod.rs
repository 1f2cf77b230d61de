//! One ordinary thread that may block. Traffic goes on if it dies.

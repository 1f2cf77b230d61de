//! Tidegate: a gateway between LLM clients and providers. This file is the map of its rooms.
//!
//! `protocol <- config <- shared <- { data_plane | control_plane } <- cli <- main`: an arrow may
//! skip levels downward and never points up or sideways; `tests/tidy` keeps it so.

pub mod config;
pub mod control_plane;
pub mod data_plane;
pub mod protocol;
pub mod shared;

//! Pinned workers: never block, never lock, never allocate without a bound.

//! The only state that two threads touch. Lock-free; never waits, never allocates on a worker.

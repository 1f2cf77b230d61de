//! A value that one thread replaces whole and workers adopt by comparing a version (DESIGN D9).
//! Never mutated in place; a reader on its own copy touches no shared reference count.

use std::sync::Arc;

use crossbeam::utils::CachePadded;

use super::atomic::{AtomicU64, Ordering};

/// The writer's side: an immutable value and the version it carries.
#[derive(Debug)]
pub struct Published<T> {
    value: Cell<T>,
    version: CachePadded<AtomicU64>,
}

impl<T> Published<T> {
    /// Version 1 of `value`.
    pub fn new(value: Arc<T>) -> Self {
        Self { value: Cell::new(value), version: CachePadded::new(AtomicU64::new(1)) }
    }

    /// Replaces the value and returns its version. One writer at a time (the control plane).
    pub fn publish(&self, value: Arc<T>) -> u64 {
        self.value.store(value);
        // Release: a reader that sees the new version must find the new value.
        self.version.fetch_add(1, Ordering::Release) + 1
    }

    /// The newest version.
    pub fn version(&self) -> u64 {
        // Acquire pairs with the Release in `publish`.
        self.version.load(Ordering::Acquire)
    }

    /// The newest value; touches a shared reference count, so not for the request path.
    pub fn load(&self) -> Arc<T> {
        self.value.load()
    }
}

/// A worker's copy: compare a version, adopt on change.
#[derive(Debug)]
pub struct Adopted<T> {
    value: Arc<T>,
    version: u64,
}

impl<T> Adopted<T> {
    /// The newest value there is.
    pub fn new(source: &Published<T>) -> Self {
        // Version first: a value newer than its version is adopted again, an older one never kept.
        let version = source.version();
        Self { value: source.load(), version }
    }

    /// Adopts a newer value if there is one; says whether it did.
    pub fn refresh(&mut self, source: &Published<T>) -> bool {
        let version = source.version();
        if version == self.version {
            return false;
        }
        self.value = source.load();
        self.version = version;
        true
    }

    /// The adopted value.
    pub fn value(&self) -> &Arc<T> {
        &self.value
    }

    /// The version of the adopted value.
    pub fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(not(tidegate_loom))]
#[derive(Debug)]
struct Cell<T>(arc_swap::ArcSwap<T>);

#[cfg(not(tidegate_loom))]
impl<T> Cell<T> {
    fn new(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }

    fn load(&self) -> Arc<T> {
        self.0.load_full()
    }
}

/// Loom cannot see into `ArcSwap`; its contract (a load returns some whole stored value, and
/// synchronises with the store it sees) is what this stand-in gives.
#[cfg(tidegate_loom)]
#[derive(Debug)]
struct Cell<T>(loom::sync::Mutex<Arc<T>>);

#[cfg(tidegate_loom)]
impl<T> Cell<T> {
    fn new(value: Arc<T>) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    fn store(&self, value: Arc<T>) {
        *self.0.lock().expect("no thread panics with the lock") = value;
    }

    fn load(&self) -> Arc<T> {
        self.0.lock().expect("no thread panics with the lock").clone()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reader_adopts_once_per_version() {
        let source = Published::new(Arc::new(1));
        let mut reader = Adopted::new(&source);
        assert!(!reader.refresh(&source));
        assert_eq!(source.publish(Arc::new(2)), 2);
        assert!(reader.refresh(&source));
        assert!(!reader.refresh(&source));
        assert_eq!((**reader.value(), reader.version()), (2, 2));
    }
}

#[cfg(all(test, tidegate_loom))]
mod loom_tests {
    use super::*;

    #[test]
    fn a_seen_version_always_finds_its_value() {
        loom::model(|| {
            let source = loom::sync::Arc::new(Published::new(Arc::new(1_u64)));
            let writer = {
                let source = source.clone();
                loom::thread::spawn(move || source.publish(Arc::new(2)))
            };
            let mut reader = Adopted::new(&source);
            reader.refresh(&source);
            assert!(**reader.value() >= reader.version(), "a version without its value");
            writer.join().expect("the writer ends");
            reader.refresh(&source);
            assert_eq!(**reader.value(), 2);
        });
    }

    /// The mutant twin: the version bumped before the value is stored must be caught.
    #[test]
    #[should_panic(expected = "a version without its value")]
    fn bumping_the_version_first_is_caught() {
        loom::model(|| {
            let source = loom::sync::Arc::new(Published::new(Arc::new(1_u64)));
            let writer = {
                let source = source.clone();
                loom::thread::spawn(move || {
                    source.version.fetch_add(1, Ordering::Release);
                    source.value.store(Arc::new(2));
                })
            };
            let mut reader = Adopted::new(&source);
            reader.refresh(&source);
            assert!(**reader.value() >= reader.version(), "a version without its value");
            writer.join().expect("the writer ends");
        });
    }
}

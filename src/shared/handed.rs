//! Values that one thread lays out and another takes, each once. Never waits.

use crossbeam::queue::ArrayQueue;

/// What was laid out and not yet taken.
#[derive(Debug)]
pub struct Handed<T>(ArrayQueue<T>);

impl<T> Handed<T> {
    /// All of `values`, to be taken in order.
    pub fn new(values: Vec<T>) -> Self {
        let queue = ArrayQueue::new(values.len().max(1));
        for value in values {
            // There is room for all of them.
            let _room = queue.push(value);
        }
        Self(queue)
    }

    /// The next one, if any is left.
    pub fn take(&self) -> Option<T> {
        self.0.pop()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_taken_once() {
        let handed = Handed::new(vec![1, 2]);
        assert_eq!((handed.take(), handed.take(), handed.take()), (Some(1), Some(2), None));
        assert_eq!(Handed::<u8>::new(Vec::new()).take(), None);
    }
}

//! Pooled, owned buffers for rent-style I/O: a window of filled bytes with room before and after.
//! Never shared, never larger than [`LARGE`].

use std::cell::RefCell;
use std::rc::Rc;

/// An owned buffer. `filled()` is what was read and not yet consumed.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Room that reads leave free behind what is filled.
    back: usize,
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// A buffer outside the pool with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { back: 0, bytes: Vec::with_capacity(capacity), start: 0 }
    }

    /// A buffer outside the pool with `front` bytes of room before and `capacity` behind.
    pub fn with_front(front: usize, capacity: usize) -> Self {
        let mut buffer = Self::with_capacity(front + capacity);
        buffer.clear_with_room(front, 0);
        buffer
    }

    /// The bytes that are filled and not consumed.
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How many bytes are filled and not consumed.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is filled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that can still be read in.
    pub fn spare(&self) -> usize {
        (self.bytes.capacity() - self.bytes.len()).saturating_sub(self.back)
    }

    /// Bytes the buffer holds in all.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the first `n` filled bytes.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.bytes.len());
        if self.is_empty() {
            self.clear();
        }
    }

    /// Forgets all but the first `n` filled bytes.
    pub fn shorten(&mut self, n: usize) {
        self.bytes.truncate(self.start + n);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.clear_with_room(0, 0);
    }

    /// Forgets everything and keeps room in front of and behind what is read next.
    pub fn clear_with_room(&mut self, front: usize, back: usize) {
        self.bytes.clear();
        self.bytes.resize(front, 0);
        self.start = front;
        self.back = back;
    }

    /// Moves the filled bytes to the very front, so that all room is behind them.
    pub fn compact(&mut self) {
        if self.start > 0 {
            let start = self.start;
            let len = self.len();
            self.bytes.copy_within(start.., 0);
            self.bytes.truncate(len);
            self.start = 0;
        }
    }

    /// Makes room for at least `n` bytes in all, keeping what is filled.
    pub fn grow(&mut self, n: usize) {
        self.compact();
        self.bytes.reserve(n.saturating_sub(self.bytes.len()));
    }

    /// Makes room for at least `n` more bytes behind what is filled, keeping that and the room in
    /// front.
    pub fn reserve(&mut self, n: usize) {
        self.bytes.reserve_exact(n);
    }

    /// Keeps only `window` of the filled bytes.
    pub fn keep(&mut self, window: std::ops::Range<usize>) {
        let end = (self.start + window.end).min(self.bytes.len());
        self.bytes.truncate(end);
        self.start = (self.start + window.start).min(end);
    }

    /// Moves the filled bytes `from` to filled position `to`, for closing gaps between them.
    pub fn move_within(&mut self, from: std::ops::Range<usize>, to: usize) {
        let start = self.start;
        self.bytes.copy_within(start + from.start..start + from.end, start + to);
    }

    /// Writes `head` directly in front of the filled bytes.
    ///
    /// # Panics
    /// When the room in front is too small; callers reserve it with `clear_with_room`.
    pub fn prepend(&mut self, head: &[u8]) {
        let start = self.start.checked_sub(head.len()).expect("room was reserved in front");
        if let Some(room) = self.bytes.get_mut(start..self.start) {
            room.copy_from_slice(head);
        }
        self.start = start;
    }

    /// Room in front of the filled bytes.
    pub fn front(&self) -> usize {
        self.start
    }

    /// Appends bytes, growing if it must.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The vector itself, to append to. Whoever writes keeps what was filled.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The vector, where the filled bytes begin, and the room to leave behind them, for an
    /// operation that rents the vector.
    pub fn into_parts(self) -> (Vec<u8>, usize, usize) {
        (self.bytes, self.start, self.back)
    }

    /// The reverse of [`Buffer::into_parts`].
    pub fn from_parts(bytes: Vec<u8>, start: usize, back: usize) -> Self {
        let start = start.min(bytes.len());
        Self { back, bytes, start }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { back: 0, bytes, start: 0 }
    }
}

/// One worker's free buffers, in three sizes. What is over the bound is freed.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    free: Rc<RefCell<Free>>,
}

#[derive(Debug, Default)]
struct Free {
    large: Shelf,
    medium: Shelf,
    small: Shelf,
}

/// Free buffers of one size.
#[derive(Debug, Default)]
struct Shelf {
    free: Vec<Vec<u8>>,
    /// The fewest that were free since the last look: so many nobody has needed.
    unneeded: usize,
}

impl Buffers {
    /// A pool whose first buffers have been written to once: the first touch of a fresh huge page
    /// stalls a worker for milliseconds (D5).
    pub fn touched(small: usize, large: usize) -> Self {
        let buffers = Self::default();
        let mut taken: Vec<Buffer> = (0..small).map(|_| buffers.take_small()).collect();
        taken.extend((0..large).map(|_| buffers.take_large()));
        for mut buffer in taken {
            let room = buffer.spare();
            buffer.tail().resize(room, 0xA5);
            buffers.put(buffer);
        }
        buffers
    }

    /// An empty buffer of [`SMALL`] bytes.
    pub fn take_small(&self) -> Buffer {
        self.free.borrow_mut().small.take(SMALL)
    }

    /// An empty buffer of [`MEDIUM`] bytes.
    pub fn take_medium(&self) -> Buffer {
        self.free.borrow_mut().medium.take(MEDIUM)
    }

    /// An empty buffer of [`LARGE`] bytes.
    pub fn take_large(&self) -> Buffer {
        self.free.borrow_mut().large.take(LARGE)
    }

    /// An empty buffer for `bytes` bytes, small if it can be.
    pub fn take_for(&self, bytes: usize) -> Buffer {
        match bytes {
            0..=SMALL => self.take_small(),
            _ if bytes <= MEDIUM => self.take_medium(),
            _ => self.take_large(),
        }
    }

    /// Gives a buffer back.
    pub fn put(&self, mut buffer: Buffer) {
        buffer.clear();
        let free = &mut *self.free.borrow_mut();
        match buffer.capacity() {
            SMALL => free.small.put(buffer.bytes, SMALL_KEPT_MAX),
            MEDIUM => free.medium.put(buffer.bytes, MEDIUM_KEPT_MAX),
            LARGE => free.large.put(buffer.bytes, LARGE_KEPT_MAX),
            _ => {}
        }
    }

    /// Frees half of what nobody has needed since the last call; `small` and `large` of each stay.
    pub fn trim(&self, small: usize, large: usize) {
        let free = &mut *self.free.borrow_mut();
        free.small.trim(small);
        free.medium.trim(0);
        free.large.trim(large);
    }
}

impl Shelf {
    fn take(&mut self, bytes: usize) -> Buffer {
        let free = self.free.pop().unwrap_or_else(|| Vec::with_capacity(bytes));
        self.unneeded = self.unneeded.min(self.free.len());
        Buffer { back: 0, bytes: free, start: 0 }
    }

    fn put(&mut self, bytes: Vec<u8>, kept_max: usize) {
        if self.free.len() < kept_max {
            self.free.push(bytes);
        }
    }

    fn trim(&mut self, kept: usize) {
        let unneeded = self.unneeded.min(self.free.len().saturating_sub(kept));
        self.free.truncate(self.free.len() - unneeded.div_ceil(2));
        self.unneeded = self.free.len();
    }
}

/// Bytes of a small buffer: a request with its head, one event, a plain answer.
pub const SMALL: usize = 16 * 1024;
/// Bytes of a medium buffer: for streams that keep filling small ones. With the request's own
/// buffer and what else a stream has it stays below 64 KiB.
pub const MEDIUM: usize = 36 * 1024;
/// Bytes of a large buffer: for bodies that keep filling small ones (D5: 463 us against 827).
pub const LARGE: usize = 64 * 1024;
/// Free small buffers kept per worker: 4 MiB.
const SMALL_KEPT_MAX: usize = 256;
/// Free medium buffers kept per worker: 2.25 MiB.
const MEDIUM_KEPT_MAX: usize = 64;
/// Free large buffers kept per worker: 4 MiB.
const LARGE_KEPT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::with_capacity(64);
        buffer.clear_with_room(8, 0);
        buffer.extend(bytes);
        buffer
    }

    #[test]
    fn prepend_and_keep_move_the_window_and_no_bytes() {
        let mut b = buffer(b"5\r\nhello\r\n");
        b.keep(3..8);
        assert_eq!(b.filled(), b"hello");
        b.prepend(b"xx");
        assert_eq!(b.filled(), b"xxhello");
        b.consume(7);
        assert!(b.is_empty());
        assert_eq!(b.front(), 0);
    }

    #[test]
    fn compact_keeps_the_filled_bytes() {
        let mut b = buffer(b"abc");
        b.consume(1);
        b.compact();
        assert_eq!((b.filled(), b.front()), (&b"bc"[..], 0));
    }

    #[test]
    fn the_pool_gives_back_what_it_got() {
        let pool = Buffers::touched(1, 1);
        let mut b = pool.take_small();
        assert!(b.is_empty());
        assert_eq!(b.capacity(), SMALL);
        b.extend(b"secret");
        pool.put(b);
        assert!(pool.take_small().is_empty());
        assert_eq!(pool.take_medium().capacity(), MEDIUM);
        assert_eq!(pool.take_large().capacity(), LARGE);
    }

    #[test]
    fn what_a_burst_has_left_is_freed_by_halves_down_to_what_stays() {
        let pool = Buffers::touched(4, 1);
        let free = || pool.free.borrow().small.free.len();
        let burst: Vec<Buffer> = (0..20).map(|_| pool.take_small()).collect();
        for buffer in burst {
            pool.put(buffer);
        }
        pool.trim(4, 1);
        assert_eq!(free(), 20, "all of them were needed since the last look");
        let left: Vec<usize> = std::iter::repeat_with(|| {
            pool.trim(4, 1);
            free()
        })
        .take(6)
        .collect();
        assert_eq!(left, [12, 8, 6, 5, 4, 4]);
    }

    #[test]
    fn what_is_in_use_again_and_again_is_not_freed() {
        let pool = Buffers::default();
        for _ in 0..8 {
            let used: Vec<Buffer> = (0..20).map(|_| pool.take_small()).collect();
            for buffer in used {
                pool.put(buffer);
            }
            pool.trim(0, 0);
            assert_eq!(pool.free.borrow().small.free.len(), 20);
        }
    }
}

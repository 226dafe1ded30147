//! A count of the work that this thread does on values, in bytes read.
//!
//! The engine bounds what one value may cost, and a detector decides for itself how far it reads. So whoever walks
//! over bytes counts them here, and nobody has to hand a counter through. A step over a byte takes about a nanosecond;
//! what takes longer counts as several.

use std::cell::Cell;
use std::slice;

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// So many bytes' worth of work has been done.
#[inline]
pub(crate) fn count(bytes: usize) {
    DONE.set(DONE.get().wrapping_add(bytes));
}

/// All work on this thread so far; it wraps around.
#[inline]
pub(crate) fn done() -> usize {
    DONE.get()
}

/// Forgets what was done since `done` was read.
pub(crate) fn forget(done: usize) {
    DONE.set(done);
}

/// Bytes whose reading is counted.
pub(crate) trait Steps {
    /// As `iter`; what was read counts when the iterator is dropped.
    fn steps(&self) -> Counted<'_>;
}

impl Steps for [u8] {
    #[inline]
    fn steps(&self) -> Counted<'_> {
        Counted { left: self.iter(), len: self.len() }
    }
}

/// See [`Steps::steps`].
pub(crate) struct Counted<'a> {
    left: slice::Iter<'a, u8>,
    len: usize,
}

impl<'a> Iterator for Counted<'a> {
    type Item = &'a u8;

    #[inline]
    fn next(&mut self) -> Option<&'a u8> {
        self.left.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Counted<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left.next_back()
    }
}

impl ExactSizeIterator for Counted<'_> {}

impl Drop for Counted<'_> {
    #[inline]
    fn drop(&mut self) {
        count(self.len - self.left.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_counted_and_nothing_else() {
        let work = |walk: &dyn Fn(&[u8])| {
            let before = done();
            walk(b"0123456789");
            done() - before
        };
        assert_eq!(work(&|bytes| assert_eq!(bytes.steps().take_while(|b| **b < b'4').count(), 4)), 5);
        assert_eq!(work(&|bytes| assert_eq!(bytes.steps().rev().take(3).count(), 3)), 3);
        assert_eq!(work(&|bytes| assert_eq!(bytes.steps().position(|b| *b == b'7'), Some(7))), 8);
        assert_eq!(work(&|bytes| assert_eq!(bytes.steps().rposition(|b| *b == b'7'), Some(7))), 3);
        assert_eq!(work(&|bytes| assert!(bytes.steps().all(u8::is_ascii_digit))), 10);
        assert_eq!(work(&|bytes| _ = bytes.len()), 0);
    }

    #[test]
    fn what_is_forgotten_never_happened() {
        let before = done();
        count(7);
        assert_eq!(done() - before, 7);
        forget(before);
        assert_eq!(done(), before);
    }
}

//! The keys a detector counts for: the 10,000 used last, exactly.
//!
//! Whoever floods a detector with keys makes it forget others; so each eviction is counted, and those keys that crossed
//! their threshold a short while ago are not evicted: what fires must not look quiet because something else was loud.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Counters by key, the least recently used given up first.
#[derive(Debug)]
pub(crate) struct Lru<C> {
    index: HashMap<u64, u32, BuildHasherDefault<Same>>,
    slots: Vec<Slot<C>>,
    /// The slot used last, and the one used longest ago.
    newest: u32,
    oldest: u32,
    /// Heap items that the counters hold together.
    items: usize,
    items_most: usize,
    pinned: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<C> {
    key: u64,
    newer: u32,
    older: u32,
    /// Not evicted before this time.
    pinned_until: i64,
    counter: C,
}

/// What is counted for one key.
pub(crate) trait Counter: Default {
    /// How many items it holds on the heap.
    fn items(&self) -> usize;
}

impl<C: Counter> Lru<C> {
    /// Room for [`KEYS`] keys whose counters hold so many items together.
    pub(crate) fn new(items_most: usize) -> Lru<C> {
        Lru {
            index: HashMap::default(),
            slots: Vec::new(),
            newest: NONE,
            oldest: NONE,
            items: 0,
            items_most,
            pinned: 0,
            evicted: 0,
        }
    }

    /// Works on a key's counter, a new one if there is none.
    pub(crate) fn with<R>(&mut self, key: u64, now: i64, work: impl FnOnce(&mut C) -> R) -> R {
        let at = match self.index.get(&key) {
            Some(at) => {
                let at = *at;
                self.unlink(at);
                at
            }
            None => self.insert(key, now),
        };
        self.link(at);
        let counter = &mut self.slots[at as usize].counter;
        let before = counter.items();
        let result = work(counter);
        self.items = self.items - before + counter.items();
        while self.items > self.items_most && self.oldest != at && self.evict(now, at) {}
        result
    }

    /// Works on a key's counter if there is one; the key does not become younger by it.
    pub(crate) fn get<R>(&mut self, key: u64, work: impl FnOnce(&mut C) -> R) -> Option<R> {
        let at = *self.index.get(&key)?;
        let counter = &mut self.slots[at as usize].counter;
        let before = counter.items();
        let result = work(counter);
        self.items = self.items - before + counter.items();
        Some(result)
    }

    /// Keeps a key from being evicted until then; a tenth of the keys at most.
    pub(crate) fn pin(&mut self, key: u64, now: i64, until: i64) {
        let Some(at) = self.index.get(&key).copied() else { return };
        let slot = &mut self.slots[at as usize];
        let is_new = slot.pinned_until <= now;
        if is_new && self.pinned >= KEYS / 10 {
            return;
        }
        self.pinned += usize::from(is_new);
        slot.pinned_until = slot.pinned_until.max(until);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: u64) {
        if let Some(at) = self.index.get(&key).copied() {
            self.unlink(at);
            self.take(at);
        }
    }

    /// Keys evicted since this was last asked.
    pub(crate) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn insert(&mut self, key: u64, now: i64) -> u32 {
        let slot = Slot { key, newer: NONE, older: NONE, pinned_until: i64::MIN, counter: C::default() };
        if self.index.len() >= KEYS {
            self.evict(now, NONE);
        }
        let at = self.slots.len() as u32;
        self.slots.push(slot);
        self.index.insert(key, at);
        at
    }

    /// Gives up the key used longest ago that is not pinned; whether there was one. `but` stays.
    fn evict(&mut self, now: i64, but: u32) -> bool {
        // A pinned one is passed over and becomes the newest, so that it is not met again soon. A tenth is pinned at most.
        for _ in 0..=KEYS / 10 {
            let at = self.oldest;
            if at == NONE || at == but {
                return false;
            }
            self.unlink(at);
            let slot = &mut self.slots[at as usize];
            if slot.pinned_until > now {
                self.link(at);
                continue;
            }
            if slot.pinned_until > i64::MIN {
                self.pinned = self.pinned.saturating_sub(1);
            }
            self.take(at);
            self.evicted += 1;
            return true;
        }
        false
    }

    /// A slot that is unlinked is forgotten, and the last one takes its place.
    fn take(&mut self, at: u32) {
        let slot = self.slots.swap_remove(at as usize);
        self.index.remove(&slot.key);
        self.items -= slot.counter.items();
        let Some(moved) = self.slots.get(at as usize) else { return };
        let (key, newer, older) = (moved.key, moved.newer, moved.older);
        self.index.insert(key, at);
        match newer {
            NONE => self.newest = at,
            newer => self.slots[newer as usize].older = at,
        }
        match older {
            NONE => self.oldest = at,
            older => self.slots[older as usize].newer = at,
        }
    }

    fn link(&mut self, at: u32) {
        self.slots[at as usize].older = self.newest;
        self.slots[at as usize].newer = NONE;
        match self.newest {
            NONE => self.oldest = at,
            newest => self.slots[newest as usize].newer = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Slot { newer, older, .. } = self.slots[at as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }
}

/// The keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Keys per detector: a megabyte or so.
pub(crate) const KEYS: usize = 10_000;
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct Count(Vec<u8>);

    impl Counter for Count {
        fn items(&self) -> usize {
            self.0.len()
        }
    }

    fn count(lru: &mut Lru<Count>, key: u64, now: i64) -> usize {
        lru.with(key, now, |count| {
            count.0.push(0);
            count.0.len()
        })
    }

    #[test]
    fn the_keys_used_last_are_kept_and_the_others_counted() {
        let mut lru = Lru::new(usize::MAX);
        for key in 0..KEYS as u64 {
            count(&mut lru, key, 0);
        }
        assert_eq!(count(&mut lru, 0, 0), 2);
        assert_eq!(lru.take_evicted(), 0);
        for key in 0..5000 {
            count(&mut lru, 1_000_000 + key, 0);
        }
        assert_eq!((lru.len(), lru.take_evicted()), (KEYS, 5000));
        assert_eq!(count(&mut lru, 0, 0), 3, "used again, so kept");
        assert_eq!(count(&mut lru, 1, 0), 1, "the oldest was forgotten");
    }

    #[test]
    fn a_pinned_key_outlives_a_flood() {
        let mut lru = Lru::new(usize::MAX);
        count(&mut lru, 7, 0);
        lru.pin(7, 0, 100);
        for key in 0..50_000 {
            count(&mut lru, 1_000_000 + key, 50);
        }
        assert_eq!(count(&mut lru, 7, 50), 2);
        for key in 0..50_000 {
            count(&mut lru, 2_000_000 + key, 100);
        }
        assert_eq!(count(&mut lru, 7, 100), 1, "its time is over");
        assert_eq!(lru.len(), KEYS);
    }

    #[test]
    fn keys_that_hold_much_make_room_for_each_other() {
        let mut lru = Lru::new(100);
        for key in 0..10 {
            for _ in 0..20 {
                count(&mut lru, key, 0);
            }
        }
        assert_eq!((lru.items, lru.len()), (100, 5));
        assert_eq!(lru.take_evicted(), 5);
    }

    proptest! {
        /// Against a list that does the same slowly.
        #[test]
        fn it_is_a_list_of_the_keys_by_their_last_use(uses in proptest::collection::vec((0..40_u64, any::<bool>()), 0..200)) {
            let mut lru = Lru::new(30);
            let mut list: VecDeque<(u64, usize)> = VecDeque::new();
            for (key, remove) in uses {
                let found = list.iter().position(|(other, _)| *other == key).and_then(|at| list.remove(at));
                if remove {
                    lru.remove(key);
                    continue;
                }
                let expected = found.map_or(0, |(_, count)| count) + 1;
                list.push_back((key, expected));
                while list.iter().map(|(_, count)| count).sum::<usize>() > 30 && list.len() > 1 {
                    list.pop_front();
                }
                prop_assert_eq!(count(&mut lru, key, 0), expected);
                prop_assert_eq!(lru.len(), list.len());
            }
        }
    }
}

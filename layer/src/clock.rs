//! Time and randomness as parameters, so that tests assert exact bytes and paths.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the layer takes wall-clock time from.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still until [`Clock::set`] moves it. Microseconds since 1970-01-01T00:00:00Z.
    pub fn manual(unix_micros: i64) -> Clock {
        Clock(Source::Manual(Arc::new(AtomicI64::new(unix_micros))))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => system_micros(),
            Source::Manual(at) => at.load(Ordering::Relaxed),
        }
    }

    /// Microseconds that nobody sets, from some point on: how much time has passed. A manual clock moves this one too.
    pub(crate) fn monotonic(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        match &self.0 {
            Source::System => START.get_or_init(Instant::now).elapsed().as_micros() as i64,
            Source::Manual(at) => at.load(Ordering::Relaxed),
        }
    }

    /// Moves a manual clock; the system's clock is not ours to set, and stays.
    pub fn set(&self, unix_micros: i64) {
        if let Source::Manual(at) = &self.0 {
            at.store(unix_micros, Ordering::Relaxed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the wall clock is read")]
fn system_micros() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_micros() as i64,
        Err(before) => -(before.duration().as_micros() as i64),
    }
}

/// Where record ids take their random bits from.
#[derive(Clone, Debug, Default)]
pub struct Rng(RngSource);

#[derive(Clone, Debug, Default)]
enum RngSource {
    #[default]
    System,
    Seeded(Arc<AtomicU64>),
}

impl Rng {
    /// A generator per thread, seeded by the operating system.
    pub fn system() -> Rng {
        Rng(RngSource::System)
    }

    /// The same bits in every run: for tests of exact bytes only, since ids repeat.
    pub fn seeded(seed: u64) -> Rng {
        Rng(RngSource::Seeded(Arc::new(AtomicU64::new(seed))))
    }

    /// 64 bits; not for keys.
    #[inline]
    pub(crate) fn next(&self, thread: &mut ThreadRng) -> u64 {
        match &self.0 {
            RngSource::System => thread.next(),
            RngSource::Seeded(state) => mix(state.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN)),
        }
    }
}

/// The state of one thread's generator: xoroshiro128++ (Blackman and Vigna), 2^128 - 1 long.
#[derive(Debug)]
pub(crate) struct ThreadRng(u64, u64);

impl ThreadRng {
    /// Seeds from the keys that std takes from the operating system, different in every thread.
    pub(crate) fn new() -> ThreadRng {
        use std::hash::{BuildHasher, RandomState};
        ThreadRng(RandomState::new().hash_one(1), RandomState::new().hash_one(2) | 1)
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let (a, mut b) = (self.0, self.1);
        let out = a.wrapping_add(b).rotate_left(17).wrapping_add(a);
        b ^= a;
        self.0 = a.rotate_left(49) ^ b ^ (b << 21);
        self.1 = b.rotate_left(28);
        out
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// splitmix64's finaliser (Steele, Lea and Flood, 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

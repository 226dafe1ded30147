//! Ticks, CPU time, resident memory.

use std::hint::spin_loop;
use std::io;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A tick counter cheap enough to be read twice per event, and its rate.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    per_ns: f64,
    /// What two readings around nothing show, in ticks; subtracted from every measurement.
    overhead: u64,
}

impl Ticks {
    /// Takes 10 ms to compare the counter with [`Instant`], whose error over that time is some parts per million.
    pub fn calibrate() -> Ticks {
        let (start, from) = (Instant::now(), now());
        while start.elapsed() < Duration::from_millis(10) {
            spin_loop();
        }
        let (elapsed, to) = (start.elapsed(), now());
        let per_ns = (to - from) as f64 / elapsed.as_nanos() as f64;
        let mut empty: Vec<u64> = (0..10_001)
            .map(|_| {
                let from = now();
                now() - from
            })
            .collect();
        empty.sort_unstable();
        Ticks { per_ns, overhead: empty[empty.len() / 2] }
    }

    /// Ticks of `body`, less what reading the counter costs.
    #[inline]
    pub fn of(&self, body: impl FnOnce()) -> u64 {
        let from = now();
        body();
        (now() - from).saturating_sub(self.overhead)
    }

    /// Spins until `deadline`, in ticks.
    #[inline]
    pub fn spin_until(&self, deadline: u64) {
        while now() < deadline {
            spin_loop();
        }
    }

    /// Ticks in this many nanoseconds.
    pub fn in_ns(&self, ns: u64) -> u64 {
        (ns as f64 * self.per_ns) as u64
    }

    /// Nanoseconds in this many ticks.
    pub fn to_ns(&self, ticks: u64) -> f64 {
        ticks as f64 / self.per_ns
    }

    /// What was subtracted from each measurement, in nanoseconds.
    pub fn overhead_ns(&self) -> f64 {
        self.to_ns(self.overhead)
    }
}

/// The time stamp counter, fenced on both sides so that neither the event nor the loop around it leaks across.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn now() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: both instructions are part of the x86-64 baseline and touch no memory.
    unsafe {
        _mm_lfence();
        let ticks = _rdtsc();
        _mm_lfence();
        ticks
    }
}

/// Nanoseconds since the first call: the monotonic clock, on processors without a counter we know how to read.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn now() -> u64 {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// CPU time used by the calling thread.
pub fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

/// CPU time used by all threads of this process.
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

/// Resident memory of this process in bytes (Linux).
pub fn resident() -> io::Result<u64> {
    status("VmRSS:")
}

/// The most that was ever resident, in bytes (Linux).
pub fn peak_resident() -> io::Result<u64> {
    status("VmHWM:")
}

/// Runnable threads over the last minute; a figure taken beside two compilers is worth less.
pub fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn status(key: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other(format!("/proc/self/status has no {key} line")))
}

fn cpu(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_millisecond_of_spinning_measures_as_about_a_millisecond() {
        let ticks = Ticks::calibrate();
        let spun = ticks.of(|| ticks.spin_until(now() + ticks.in_ns(1_000_000)));
        // Only the lower bound holds on a busy machine.
        assert!(ticks.to_ns(spun) > 900_000.0);
    }
}

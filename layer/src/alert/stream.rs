//! The detectors' time: that of the records, made to run forward and evenly.
//!
//! A window must not close, and an alert must not be resolved, because somebody set a clock. So the stream's time follows
//! the records' and never goes back: after a step of the clock it goes on from where it was. A running layer compares the
//! clock with a monotonic one at each tick and takes any step out; a replay has the records alone, where a step back shows
//! and a step forward looks like a quiet log.

/// One per set of detectors. Microseconds.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The newest time given out; `None` before the first.
    last: Option<i64>,
    /// What is added to a clock's time.
    offset: i64,
    /// The clock and the monotonic one at the last tick.
    tick: Option<(i64, i64)>,
}

impl Stream {
    /// The time now.
    pub(crate) fn now(&self) -> i64 {
        self.last.unwrap_or_default()
    }

    /// A record of this time has come.
    pub(crate) fn record(&mut self, at: i64) -> i64 {
        let (now, offset) = self.peek(at);
        self.offset = offset;
        *self.last.insert(now)
    }

    /// What the time will be with a record of this one, and what is added to its clock then.
    pub(crate) fn peek(&self, at: i64) -> (i64, i64) {
        let Some(last) = self.last else { return (at, 0) };
        let shifted = at.saturating_add(self.offset);
        let is_step = shifted < last.saturating_sub(LATE) || shifted > last.saturating_add(YEAR);
        let by = if is_step { last.saturating_sub(shifted) } else { 0 };
        let offset = self.offset.saturating_add(by);
        (last.max(at.saturating_add(offset)), offset)
    }

    /// Moves the time on, never back.
    pub(crate) fn move_to(&mut self, at: i64) -> i64 {
        *self.last.insert(self.now().max(at))
    }

    /// A tick: what the clock says, and the monotonic one. How far the clock was set forward (or back, if negative) since
    /// the last tick.
    pub(crate) fn tick(&mut self, clock: i64, monotonic: i64) -> i64 {
        let step = self.tick.map_or(0, |(clock_then, then)| {
            clock.saturating_sub(clock_then).saturating_sub(monotonic.saturating_sub(then))
        });
        let is_step = step.saturating_abs() >= STEP;
        self.tick = Some((clock, monotonic));
        if is_step {
            self.offset = self.offset.saturating_sub(step);
        }
        let shifted = clock.saturating_add(self.offset);
        let last = self.last.unwrap_or(shifted);
        self.last = Some(last.max(shifted));
        if is_step { step } else { 0 }
    }

    /// A time of the stream as the records' clock has it.
    pub(crate) fn to_clock(&self, at: i64) -> i64 {
        at.saturating_sub(self.offset)
    }
}

/// How much later than others a record may come: a caller waits for room in the queue for a minute at most.
const LATE: i64 = 120 * SECOND;
/// Less is a clock being corrected.
const STEP: i64 = 2 * SECOND;
/// No log is quiet for so long.
const YEAR: i64 = 366 * 86_400 * SECOND;
pub(crate) const SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_records_and_never_goes_back() {
        let mut stream = Stream::default();
        assert_eq!(stream.record(1000 * SECOND), 1000 * SECOND);
        assert_eq!(stream.record(1060 * SECOND), 1060 * SECOND);
        assert_eq!(stream.record(1055 * SECOND), 1060 * SECOND, "one that waited for room");
        assert_eq!(stream.record(1061 * SECOND), 1061 * SECOND, "and that moved nothing");
    }

    #[test]
    fn after_a_step_back_time_goes_on_evenly() {
        let mut stream = Stream::default();
        stream.record(10_000 * SECOND);
        assert_eq!(stream.record(6_400 * SECOND), 10_000 * SECOND);
        assert_eq!(stream.record(6_460 * SECOND), 10_060 * SECOND);
        assert_eq!(stream.to_clock(10_060 * SECOND), 6_460 * SECOND);
    }

    #[test]
    fn a_tick_takes_a_step_of_the_clock_out_whichever_way_it_goes() {
        for step in [-3600, -3, 3, 3600] {
            let mut stream = Stream::default();
            stream.tick(50_000 * SECOND, 7 * SECOND);
            assert_eq!(stream.tick(50_001 * SECOND, 8 * SECOND), 0);
            assert_eq!(stream.tick((50_002 + step) * SECOND, 9 * SECOND), step * SECOND);
            assert_eq!(stream.now(), 50_002 * SECOND);
            assert_eq!(stream.record((50_003 + step) * SECOND), 50_003 * SECOND);
        }
    }

    #[test]
    fn any_times_are_borne() {
        let mut stream = Stream::default();
        for at in [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX] {
            stream.record(at);
            stream.tick(at, at);
            stream.to_clock(at);
        }
    }
}

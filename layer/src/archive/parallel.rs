//! One piece after another through the same work, on several threads, and what comes of it in the order of the pieces.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

/// Works on pieces until there are no more. `fill` puts the next one into a piece that may have been used before, and says
/// whether there was one; what `worker` makes works on it, one on each thread; `empty` takes what came of it, in the order of
/// filling. `fill` and `empty` run on the caller's own thread alone, and at most two pieces for each thread are in use at
/// once. With one thread all of it is done here, and none is started.
///
/// What goes wrong is told as one thread alone would tell it: what `fill` has met only after all pieces before it have
/// been emptied. A worker that panics has the whole panic.
pub(super) fn in_order<P, W, E>(
    threads: NonZeroUsize,
    mut fill: impl FnMut(&mut P) -> Result<bool, E>,
    mut worker: impl FnMut() -> Result<W, E>,
    mut empty: impl FnMut(&mut P) -> Result<(), E>,
) -> Result<(), E>
where
    P: Default + Send,
    W: FnMut(&mut P) + Send,
{
    let threads = threads.get();
    if threads == 1 {
        let (mut work, mut piece) = (worker()?, P::default());
        while fill(&mut piece)? {
            work(&mut piece);
            empty(&mut piece)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let mut lanes: Vec<Lane<P>> = Vec::new();
        let mut spare: Vec<P> = Vec::new();
        let (mut filled, mut emptied) = (0, 0);
        let mut end = None;
        loop {
            while end.is_none() && filled - emptied < AHEAD * threads {
                let mut piece = spare.pop().unwrap_or_default();
                match fill(&mut piece) {
                    Ok(true) => {
                        if lanes.len() < threads {
                            lanes.push(Lane::start(scope, worker()?));
                        }
                        // A lane that does not take it has panicked, which is seen where it should give.
                        let _ = lanes[filled % threads].take.send(piece);
                        filled += 1;
                    }
                    Ok(false) => end = Some(Ok(())),
                    Err(error) => end = Some(Err(error)),
                }
            }
            if filled == emptied {
                return end.unwrap_or(Ok(()));
            }
            // The scope panics when it finds that the lane did.
            let Ok(mut piece) = lanes[emptied % threads].give.recv() else { return Ok(()) };
            empty(&mut piece)?;
            emptied += 1;
            spare.push(piece);
        }
    })
}

/// A thread that gives back each piece in the order in which it takes them. Taking turns, the lanes keep the order of all.
/// It ends when nobody holds its other ends, however they were let go.
struct Lane<P> {
    take: Sender<P>,
    give: Receiver<P>,
}

impl<P: Send> Lane<P> {
    fn start<'scope, W>(scope: &'scope Scope<'scope, '_>, mut work: W) -> Lane<P>
    where
        P: 'scope,
        W: FnMut(&mut P) + Send + 'scope,
    {
        let (take, taken) = channel::<P>();
        let (done, give) = channel();
        scope.spawn(move || {
            for mut piece in taken {
                work(&mut piece);
                if done.send(piece).is_err() {
                    return;
                }
            }
        });
        Lane { take, give }
    }
}

/// One piece that a thread works on, and one that waits for it or for those before it.
const AHEAD: usize = 2;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::RecvTimeoutError;
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    use super::*;

    fn number(threads: usize) -> NonZeroUsize {
        NonZeroUsize::new(threads).expect("not zero")
    }

    /// What `act` answers, or how it panics; `None` if it does not end.
    fn ended<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Option<std::thread::Result<T>> {
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let out = act();
            let _ = tell.send(());
            out
        });
        match told.recv_timeout(Duration::from_secs(20)) {
            Err(RecvTimeoutError::Timeout) => None,
            _ => Some(thread.join()),
        }
    }

    /// Fills pieces with 1, 2, 3 and so on, to `last`.
    fn count_to(last: usize) -> impl FnMut(&mut usize) -> Result<bool, String> {
        let mut n = 0;
        move |piece| {
            n += 1;
            *piece = n;
            Ok(n <= last)
        }
    }

    #[test]
    fn pieces_are_emptied_in_the_order_of_filling_and_not_of_work() {
        let out = ended(|| {
            let (first, second) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
            let mut out = Vec::new();
            let worker = || {
                let (first, second) = (Arc::clone(&first), Arc::clone(&second));
                Ok(move |piece: &mut usize| {
                    // The first piece ends only after the second has.
                    if *piece < 3 {
                        first.wait();
                    }
                    while *piece == 1 && second.load(Ordering::SeqCst) == 0 {
                        std::thread::yield_now();
                    }
                    second.store(*piece, Ordering::SeqCst);
                    *piece *= 10;
                })
            };
            in_order(number(2), count_to(7), worker, |piece| {
                out.push(*piece);
                Ok(())
            })
            .map(|()| out)
        });
        let out = out.expect("ends").expect("no panic");
        assert_eq!(out, Ok(vec![10, 20, 30, 40, 50, 60, 70]));
    }

    #[test]
    fn two_pieces_for_each_thread_are_in_use_and_one_thread_is_the_callers_own() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        struct Counted(usize);
        impl Default for Counted {
            fn default() -> Counted {
                Counted(MADE.fetch_add(1, Ordering::SeqCst))
            }
        }
        for (threads, most) in [(1, 1), (2, 4), (5, 10)] {
            MADE.store(0, Ordering::SeqCst);
            let (mut left, mut emptied, caller) = (500, 0, std::thread::current().id());
            let fill = |piece: &mut Counted| {
                left -= 1;
                piece.0 = left;
                Ok::<_, ()>(left > 0)
            };
            let work = |_: &mut Counted| {
                assert_eq!(std::thread::current().id() == caller, threads == 1);
            };
            let empty = |_: &mut Counted| {
                emptied += 1;
                Ok(())
            };
            in_order(number(threads), fill, || Ok(work), empty).expect("no error");
            assert_eq!((MADE.load(Ordering::SeqCst), emptied), (most, 499), "{threads} threads");
        }
    }

    #[test]
    fn what_goes_wrong_ends_all_and_is_told_as_by_one_thread() {
        for threads in [1, 2, 5] {
            let told = ended(move || {
                let mut emptied = Vec::new();
                let mut count = count_to(100);
                let fill = |piece: &mut usize| match count(piece) {
                    Ok(true) if *piece == 42 => Err("no 42".to_owned()),
                    other => other,
                };
                let told = in_order(
                    number(threads),
                    fill,
                    || Ok(|_: &mut usize| {}),
                    |piece| {
                        emptied.push(*piece);
                        Ok(())
                    },
                );
                let full = |piece: &mut usize| if *piece == 7 { Err("full".to_owned()) } else { Ok(()) };
                let full = in_order(number(threads), count_to(100), || Ok(|_: &mut usize| {}), full);
                let none = in_order(
                    number(threads),
                    count_to(3),
                    || if threads == 0 { Ok(|_: &mut usize| {}) } else { Err("no worker".to_owned()) },
                    |_| Ok(()),
                );
                (told, emptied, full, none)
            });
            let (told, emptied, full, none) = told.expect("ends").expect("no panic");
            assert_eq!(told, Err("no 42".to_owned()), "{threads} threads");
            assert_eq!(emptied, (1..42).collect::<Vec<_>>(), "{threads} threads");
            assert_eq!((full, none), (Err("full".to_owned()), Err("no worker".to_owned())));
        }
    }

    #[test]
    fn a_panic_on_any_thread_ends_all_and_is_passed_on() {
        for threads in [1, 2, 5] {
            for at in [0, 1, 2] {
                let out = ended(move || {
                    let strike =
                        |place: usize, piece: &usize| assert!(place != at || *piece < 20, "at {piece}");
                    let mut count = count_to(100);
                    let fill = |piece: &mut usize| {
                        let more = count(piece);
                        strike(0, piece);
                        more
                    };
                    let work = || Ok(|piece: &mut usize| strike(1, piece));
                    in_order(number(threads), fill, work, |piece| {
                        strike(2, piece);
                        Ok(())
                    })
                });
                let out = out.unwrap_or_else(|| panic!("{threads} threads wait for ever, {at}"));
                assert!(out.is_err(), "{threads} threads, {at}: nothing was told");
            }
        }
    }
}

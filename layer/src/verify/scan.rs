//! One pass over one log: every line a leaf, every witness compared with the root at its size, the last seal with all
//! before it.
//!
//! A seal is a line that the next seal covers. So the *last* one vouches for every byte before it, the earlier seals
//! included, and checking those one by one would add nothing but time: forty microseconds for a signature, as much as
//! the hashes of a hundred records, and one or two for a root. They are checked when the last one does not hold, in a
//! second pass that tells where it went wrong, and when they are asked for.

use std::io::{self, Read};

use super::finding::{Defect, Range, Witness};
use super::keys::Keys;
use super::lines::{self, Piece};
use crate::journal::merkle::{self, Hash, Tree};
use crate::journal::seal::Seal;

/// What somebody knows of a log: its first `size` lines have this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) by: Witness,
}

/// Which signatures are checked.
#[derive(Clone, Debug)]
pub(crate) enum Signatures<'a> {
    /// That of the last seal, and of the seals with these line numbers. The other seals are not looked at.
    Last(&'a [u64]),
    /// All.
    Every,
}

/// How a log is scanned.
pub(crate) struct Plan<'a> {
    pub(crate) origin: &'a str,
    /// `None`: no key is known, and no signature checked.
    pub(crate) keys: Option<&'a Keys>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) signatures: Signatures<'a>,
    /// The log may be written to meanwhile.
    pub(crate) live: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) tree: Tree,
    /// Bytes of whole lines.
    pub(crate) bytes: u64,
    /// Bytes behind the last newline.
    pub(crate) torn: u64,
    pub(crate) seals: u64,
    /// Lines that the last seal which holds covers, itself included.
    pub(crate) sealed: u64,
    /// Each with the number of its line, from 0, and where it begins.
    pub(crate) defects: Vec<(Defect, Option<(u64, u64)>)>,
    /// The last seal does not hold, so that the first bad one is to be looked for, with [`Signatures::Every`].
    pub(crate) suspicious: bool,
}

/// Reads a log to its end. `line` is given each whole line with its number and offset; `progress`, now and then, the
/// bytes since the last call.
pub(crate) fn scan(
    from: impl Read,
    plan: &Plan<'_>,
    mut line: impl FnMut(u64, &[u8], Hash),
    mut progress: impl FnMut(u64),
) -> io::Result<Scan> {
    let mut work = Work {
        plan,
        claims: sorted(&plan.claims),
        next_claim: u64::MAX,
        claim: 0,
        scan: Scan::default(),
        last: None,
        noted: None,
        broken: false,
    };
    work.next_claim = work.claims.first().map_or(u64::MAX, |claim| claim.size);
    let mut told = 0;
    let mut leaves = Vec::new();
    lines::pieces(from, |found| {
        match found {
            Piece::Lines(lines) => {
                leaves.clear();
                merkle::leaves(lines, &mut leaves);
                let first = work.scan.tree.size();
                // The tree is brought up to a line where it is looked at, and to the piece's end.
                let mut in_tree = 0;
                for (at, text) in merkle::lines(lines).enumerate() {
                    let number = first + at as u64;
                    let (claimed, seal) = (number == work.next_claim, Seal::is(text));
                    if claimed || seal {
                        work.scan.tree.extend(&leaves[in_tree..at]);
                        in_tree = at;
                    }
                    if claimed {
                        work.compare_claims();
                    }
                    if seal {
                        work.seal(text);
                    }
                    line(number, text, leaves[at]);
                    work.scan.bytes += text.len() as u64 + 1;
                }
                work.scan.tree.extend(&leaves[in_tree..]);
            }
            Piece::Torn(rest) => work.scan.torn = rest.len() as u64,
            Piece::TooLong(start, bytes) => {
                work.defect(Defect::LineTooLong);
                work.broken = true;
                work.scan.suspicious = true;
                work.scan.tree.push(Hash::leaf(start));
                work.scan.bytes += bytes;
            }
        }
        if work.scan.bytes - told > STEP {
            progress(work.scan.bytes - told);
            told = work.scan.bytes;
        }
    })?;
    work.end();
    progress(work.scan.bytes + work.scan.torn - told);
    Ok(work.scan)
}

struct Work<'a> {
    plan: &'a Plan<'a>,
    /// By size.
    claims: Vec<Claim>,
    /// The next one to compare, and its size.
    claim: usize,
    next_claim: u64,
    scan: Scan,
    /// The last seal that fits the tree, its line's number and offset. Its signature may not have been checked yet.
    last: Option<(Seal, u64, u64)>,
    /// A seal behind it that was not looked at: its text, its line's number and offset, and the tree before it.
    noted: Option<(Vec<u8>, u64, u64, Tree)>,
    /// A seal did not fit: from there on the tree is not the one that was sealed, and nothing else can be said.
    broken: bool,
}

impl Work<'_> {
    /// Out of line: one line in some hundred.
    #[inline(never)]
    fn seal(&mut self, text: &[u8]) {
        self.scan.seals += 1;
        if self.broken {
            return;
        }
        let (number, offset) = (self.scan.tree.size(), self.scan.bytes);
        if matches!(self.plan.signatures, Signatures::Last(also) if !also.contains(&number)) {
            self.noted = Some((text.to_vec(), number, offset, self.scan.tree.clone()));
            self.scan.sealed = number + 1;
            return;
        }
        // This one covers it.
        self.noted = None;
        let range = Range { first: self.scan.sealed + 1, seal: number + 1 };
        let Some(seal) = Seal::parse(text) else {
            self.defect(Defect::SealMalformed(range));
            self.broken = true;
            self.scan.suspicious = true;
            return;
        };
        if !seal.covers(&self.scan.tree) {
            // What the seal says is true if its signature is: then the lines before it are not. Otherwise it is the
            // seal itself that was changed, and of the lines before it nothing is known.
            let defect = if self.signed(&seal) == Some(false) {
                Defect::SealChanged(range)
            } else if seal.size > number {
                Defect::LinesRemoved(range, seal.size - number)
            } else if seal.size < number {
                Defect::LinesAdded(range, number - seal.size)
            } else {
                Defect::LinesChanged(range)
            };
            self.scan.defects.push((defect, self.begin()));
            self.broken = true;
            self.scan.suspicious = true;
            return;
        }
        let asked = match self.plan.signatures {
            Signatures::Every => true,
            Signatures::Last(also) => also.contains(&number),
        };
        if asked && self.signed(&seal) == Some(false) {
            self.scan.defects.push((self.bad_signature(&seal), Some((number, offset))));
            self.broken = true;
            return;
        }
        self.last = Some((seal, number, offset));
        self.scan.sealed = number + 1;
    }

    /// The first line that no seal vouches for.
    fn begin(&self) -> Option<(u64, u64)> {
        Some(match self.last {
            Some((seal, number, offset)) => (number + 1, offset + seal.line().len() as u64),
            None => (0, 0),
        })
    }

    /// Looks at the last seal, if it was only noted.
    fn settle(&mut self) {
        let Some((text, number, offset, tree)) = self.noted.take() else { return };
        match Seal::parse(&text).filter(|seal| seal.covers(&tree)) {
            Some(seal) => self.last = Some((seal, number, offset)),
            None => {
                self.broken = true;
                self.scan.suspicious = true;
            }
        }
    }

    fn end(&mut self) {
        self.settle();
        while self.claim < self.claims.len() && self.next_claim == self.scan.tree.size() {
            self.compare_claims();
        }
        if !self.broken {
            self.check_last();
        }
        let lines = self.scan.tree.size();
        let live = self.plan.live;
        if !self.broken && self.scan.sealed < lines {
            let defect = match self.last {
                Some(_) => Defect::UnsealedTail { lines: lines - self.scan.sealed, live },
                None if live => Defect::UnsealedTail { lines, live },
                None => Defect::NeverSealed,
            };
            self.scan.defects.push((defect, self.begin()));
        }
        if self.scan.torn > 0 {
            let defect = Defect::TornTail { bytes: self.scan.torn, live };
            self.scan.defects.push((defect, Some((lines, self.scan.bytes))));
        }
        // Shorter than known is told even of a log that is broken, and once: the one who knows most.
        if let Some(claim) = self.claims[self.claim..].iter().rfind(|claim| claim.size > lines) {
            let defect = Defect::RolledBack { by: claim.by.clone(), known: claim.size, found: lines };
            self.scan.defects.push((defect, Some((lines, self.scan.bytes))));
        }
    }

    /// Checks the signature on which all before it rests.
    fn check_last(&mut self) {
        let Some((seal, number, offset)) = self.last else { return };
        if matches!(self.plan.signatures, Signatures::Last(_)) && self.signed(&seal) == Some(false) {
            self.scan.defects.push((self.bad_signature(&seal), Some((number, offset))));
            self.scan.suspicious = true;
        }
    }

    #[inline(never)]
    fn compare_claims(&mut self) {
        let size = self.scan.tree.size();
        while let Some(claim) = self.claims.get(self.claim).filter(|claim| claim.size == size) {
            let found = self.scan.tree.root();
            // Behind lines that no seal holds, every witness differs: it was said already.
            if found != claim.root && !self.broken {
                let by = claim.by.clone();
                let defect = Defect::NotAsWitnessed { by, size, known: claim.root, found };
                self.scan.defects.push((defect, None));
            }
            self.claim += 1;
        }
        self.next_claim = self.claims.get(self.claim).map_or(u64::MAX, |claim| claim.size);
    }

    /// `None`: there is no key to check it with.
    fn signed(&self, seal: &Seal) -> Option<bool> {
        self.plan.keys.map(|keys| keys.signed(seal, self.plan.origin))
    }

    fn bad_signature(&self, seal: &Seal) -> Defect {
        Defect::BadSignature { of: self.plan.keys.and_then(|keys| keys.signer_of(seal)) }
    }

    fn defect(&mut self, defect: Defect) {
        self.scan.defects.push((defect, Some((self.scan.tree.size(), self.scan.bytes))));
    }
}

fn sorted(claims: &[Claim]) -> Vec<Claim> {
    let mut claims = claims.to_vec();
    claims.sort_by_key(|claim| claim.size);
    claims
}

/// Bytes between two tellings of progress.
const STEP: u64 = 4 * 1024 * 1024;

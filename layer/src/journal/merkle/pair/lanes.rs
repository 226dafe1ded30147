//! Two lanes of messages. A message is a prefix of one byte and a body, which is not copied as a whole: only its first
//! block, which the prefix shifts, and its end, which is padded.

use super::super::Hash;
use super::shani::{Block, State, Unit};

/// Hashes all messages, and appends the hashes in the order of the messages.
pub(super) fn hash<B: AsRef<[u8]>>(
    unit: Unit,
    prefix: u8,
    mut bodies: impl Iterator<Item = B>,
    to: &mut Vec<Hash>,
) {
    let mut lanes = [Lane::idle(), Lane::idle()];
    let mut states = [State::new(), State::new()];
    loop {
        for (lane, state) in lanes.iter_mut().zip(&mut states).filter(|(lane, _)| lane.left() == 0) {
            if lane.body.take().is_some() {
                to[lane.place] = Hash(state.hash());
            }
            if let Some(body) = bodies.next() {
                *state = State::new();
                lane.take(prefix, body, to.len());
                to.push(Hash([0; 32]));
            }
        }
        let [one, other] = &lanes;
        let n = match (one.left(), other.left()) {
            (0, 0) => return,
            // The other lane goes on with nothing: that costs no time.
            (n, 0) | (0, n) => n,
            (n, m) => n.min(m),
        };
        unit.compress(&mut states, n, |at| [one.block(at), other.block(at)]);
        lanes.iter_mut().for_each(|lane| lane.hashed = lane.blocks.min(lane.hashed + n));
    }
}

/// A message on its way.
struct Lane<B> {
    body: Option<B>,
    /// The first block, of a message that fills one.
    head: Block,
    /// The end, padded. What there is of the message stands before `PART`, whatever its length.
    end: [u8; PART + PADDING],
    /// Where in it the first block begins that is not of the head nor the middle, and the number of those.
    end_from: usize,
    before: usize,
    /// All blocks, and those that are hashed.
    blocks: usize,
    hashed: usize,
    /// Where its hash belongs.
    place: usize,
}

impl<B: AsRef<[u8]>> Lane<B> {
    fn idle() -> Lane<B> {
        Lane {
            body: None,
            head: [0; BLOCK],
            end: [0; PART + PADDING],
            end_from: 0,
            before: 0,
            blocks: 0,
            hashed: 0,
            place: 0,
        }
    }

    /// Takes a message up.
    fn take(&mut self, prefix: u8, body: B, place: usize) {
        let bytes = body.as_ref();
        let message = bytes.len() + 1;
        self.before = message / BLOCK;
        self.end_from = PART - message % BLOCK;
        // Of fixed lengths these are a few instructions each.
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk::<PART>()) {
            self.head[0] = prefix;
            *self.head.last_chunk_mut::<PART>().expect("a block is longer") = *first;
            self.end[..PART].copy_from_slice(last);
        } else {
            self.end[self.end_from] = prefix;
            self.end[self.end_from + 1..PART].copy_from_slice(bytes);
        }
        self.end[PART..].fill(0);
        self.end[PART] = 0x80;
        let padded = if message % BLOCK < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        let bits = message as u64 * 8;
        self.end[self.end_from + padded - 8..self.end_from + padded].copy_from_slice(&bits.to_be_bytes());
        self.blocks = self.before + padded / BLOCK;
        (self.body, self.hashed, self.place) = (Some(body), 0, place);
    }

    /// Blocks that are not hashed yet.
    fn left(&self) -> usize {
        self.blocks - self.hashed
    }

    /// The block so many behind the next one, or any if the message has ended.
    fn block(&self, behind: usize) -> &Block {
        let at = self.hashed + behind;
        let middle = || self.body.as_ref()?.as_ref()[PART..].as_chunks().0.get(at - 1);
        let end = || self.end.get(self.end_from + (at - self.before) * BLOCK..)?.first_chunk();
        let found = if at >= self.before {
            end()
        } else if at > 0 {
            middle()
        } else {
            None
        };
        found.unwrap_or(&self.head)
    }
}

const BLOCK: usize = 64;
/// Bytes of a body in its first block; and of a message, at most, in the block in which the padding begins.
const PART: usize = BLOCK - 1;
/// At most.
const PADDING: usize = BLOCK + 8;

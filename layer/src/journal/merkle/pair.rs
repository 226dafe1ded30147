//! Hashes of many messages, two at a time.
//!
//! Each round of SHA-256 waits for the one before it, so that a single message leaves a part of a processor's unit for
//! SHA idle. Two messages that have nothing to do with one another fill it: each goes through a lane, and a lane that
//! has ended its message takes the next one. Without such a unit the messages are hashed one after another by the
//! `sha2` crate, which the tests compare the lanes with.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod shani;

use super::Hash;

/// The leaves of lines, in their order.
pub(super) fn leaves<'a>(lines: impl Iterator<Item = &'a [u8]>, to: &mut Vec<Hash>) {
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = shani::Unit::of_this_processor() {
        return lanes::hash(unit, super::LEAF, lines, to);
    }
    to.extend(lines.map(Hash::leaf));
}

/// The nodes above two hashes each, in their order. The last hash of an odd number is left out.
pub(super) fn nodes(hashes: &[Hash], to: &mut Vec<Hash>) {
    let (pairs, _) = hashes.as_chunks::<2>();
    #[cfg(target_arch = "x86_64")]
    if let Some(unit) = shani::Unit::of_this_processor() {
        let both = pairs.iter().map(|[left, right]| super::join(left, right));
        return lanes::hash(unit, super::NODE, both, to);
    }
    to.extend(pairs.iter().map(|[left, right]| Hash::node(*left, *right)));
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// One after another, by the `sha2` crate.
    fn one_by_one<L: AsRef<[u8]>>(lines: &[L]) -> Vec<Hash> {
        lines.iter().map(|line| Hash::leaf(line.as_ref())).collect()
    }

    fn two_at_a_time<L: AsRef<[u8]>>(lines: &[L]) -> Vec<Hash> {
        let mut to = Vec::new();
        leaves(lines.iter().map(AsRef::as_ref), &mut to);
        to
    }

    #[test]
    fn a_line_of_any_length_has_its_hash_beside_any_other() {
        let text: Vec<u8> = (0..=400_u32).map(|n| (n * 37) as u8).collect();
        // Where the padding takes another block, and where a block of the line begins.
        let edges = [0, 1, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 126, 127, 128, 129, 182, 183, 191, 400];
        // An interpreter is slow.
        let lengths: Vec<usize> = if cfg!(miri) { edges.to_vec() } else { (0..text.len()).collect() };
        let others = edges.into_iter().step_by(if cfg!(miri) { 6 } else { 1 });
        for length in lengths {
            for edge in others.clone() {
                let lines = [&text[..length], &text[text.len() - edge..]];
                assert_eq!(two_at_a_time(&lines), one_by_one(&lines), "{length} and {edge} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn lines_have_their_hashes_in_their_order(lines in vec(vec(any::<u8>(), 0..700), 0..12)) {
            prop_assert_eq!(two_at_a_time(&lines), one_by_one(&lines));
        }

        #[test]
        fn nodes_stand_above_two_hashes_each(hashes in vec(any::<[u8; 32]>().prop_map(Hash), 0..12)) {
            let mut above = vec![Hash::empty()];
            nodes(&hashes, &mut above);
            let (pairs, _) = hashes.as_chunks::<2>();
            let expected: Vec<Hash> = pairs.iter().map(|[left, right]| Hash::node(*left, *right)).collect();
            prop_assert_eq!(&above[1..], expected);
        }
    }

    #[test]
    fn a_long_line_among_short_ones_keeps_one_lane() {
        let long = vec![b'x'; if cfg!(miri) { 1000 } else { 1 << 20 }];
        let lines = [b"a".as_slice(), &long, b"b", b"", &long[..300], b"c"];
        assert_eq!(two_at_a_time(&lines), one_by_one(&lines));
    }
}

//! From what each position is to candidates: runs and sequences, found where they end.

use super::{BLOCK, COUNTRY, DIGITS, Masks, PAIRS, RUN, SIGN_HERE, STEM, WORD};

/// What the block before has to tell: a sequence may have begun there.
#[derive(Default)]
pub(super) struct Marks {
    letter: u64,
    digit: u64,
    joint: u64,
    word: [u64; 5],
    run: [u64; 5],
    head: u64,
    pair: [u64; 3],
}

impl Marks {
    /// Tells of the candidates in the next block. Each run is told of once, where it is long enough.
    #[inline(always)]
    pub(super) fn push(&mut self, masks: Masks, block: usize, to: &mut Vec<u32>) {
        let Masks { stem, sign, digit, gap, letter, joint } = masks;
        let word = digit | letter;
        let two = word & behind::<1>(word, self.word[0]);
        let four = two & behind::<2>(two, self.word[1]);
        let eight = four & behind::<4>(four, self.word[2]);
        let sixteen = eight & behind::<8>(eight, self.word[3]);
        // Base64 of which a sign cuts off less on either side.
        let joined = eight & behind::<8>(joint, self.joint) & behind::<9>(eight, self.word[3]);
        let long = sixteen | joined;
        let words = long & !behind::<1>(long, self.word[4]);

        let run = digit | gap;
        let run_of_2 = run & behind::<1>(run, self.run[0]);
        let run_of_4 = run_of_2 & behind::<2>(run_of_2, self.run[1]);
        let run_of_8 = run_of_4 & behind::<4>(run_of_4, self.run[2]);
        let run_of_13 = run_of_8 & behind::<5>(run_of_8, self.run[3]);
        let runs = run_of_13 & !behind::<1>(run_of_13, self.run[4]);

        // Two characters at the start of a word.
        let first_two = two & !behind::<2>(word, self.word[0]);
        let head = first_two & letter & behind::<1>(letter, self.letter);
        let country = digit & behind::<1>(digit, self.digit) & behind::<2>(head, self.head);
        let pairs_2 = first_two & behind::<3>(first_two, self.pair[0]);
        let pairs_4 = pairs_2 & behind::<6>(pairs_2, self.pair[1]);
        let pairs = pairs_4 & !behind::<3>(pairs_4, self.pair[2]);

        self.letter = letter;
        self.digit = digit;
        self.joint = joint;
        self.word = [word, two, four, eight, long];
        self.run = [run, run_of_2, run_of_4, run_of_8, run_of_13];
        self.head = head;
        self.pair = [first_two, pairs_2, pairs_4];

        let mut any = stem | sign | country | runs | words | pairs;
        let base = (block * BLOCK) as u32;
        while any != 0 {
            let at = any.trailing_zeros();
            any &= any - 1;
            let kind = |mask: u64, kind: u32| (mask >> at & 1) as u32 * kind;
            let kinds = kind(stem, STEM) | kind(sign, SIGN_HERE) | kind(country, COUNTRY);
            to.push((base + at) | kinds | kind(runs, DIGITS) | kind(words, WORD) | kind(pairs, PAIRS));
        }
    }
}

/// For each position what stands `N` before it.
#[inline(always)]
fn behind<const N: u32>(mask: u64, before: u64) -> u64 {
    mask << N | before >> (64 - N)
}

const _: () = assert!(RUN == 8 + 5, "a run is told of where it has that many characters");

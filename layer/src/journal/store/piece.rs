//! Pieces of held lines: what fits into a file, and what is left of one that was written in part.

use super::Live;

/// How many bytes of `lines` are whole records that fit into `room`; at least one record if the file is empty,
/// however large.
pub(super) fn whole_records(lines: &[u8], room: u64, empty: bool) -> usize {
    if lines.len() as u64 <= room {
        return lines.len();
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    match lines[..room].iter().rposition(|b| *b == b'\n') {
        Some(last) => last + 1,
        None if empty => lines.iter().position(|b| *b == b'\n').map_or(lines.len(), |first| first + 1),
        None => 0,
    }
}

/// Cuts a half-written piece back to its last whole record. `None` if the file cannot be brought to a known state.
pub(super) fn cut(live: &mut Live, piece: &[u8]) -> Option<usize> {
    let before = live.lines.bytes;
    let now = live.file.len().ok()?;
    let reached = usize::try_from(now.checked_sub(before)?).ok()?;
    let kept = piece.get(..reached)?.iter().rposition(|b| *b == b'\n').map_or(0, |last| last + 1);
    if kept < reached {
        live.file.truncate(before + kept as u64).ok()?;
    }
    Some(kept)
}

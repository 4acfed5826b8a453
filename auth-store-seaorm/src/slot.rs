//! Slots: each row of a user that may have so many has one of its own, below the most that are allowed. Of those who
//! want the same one gets it, and the others look again.

use std::collections::BTreeSet;

/// A slot below `most` that is not among these. Which one the row's name decides, so that many at once do not all want
/// the same.
pub(crate) fn free_slot(taken: &BTreeSet<i64>, most: u32, name: &str) -> Option<i64> {
    if taken.len() as u64 >= u64::from(most) {
        return None;
    }
    let begin = name.bytes().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (0..most)
        .map(|step| (u64::from(begin) + u64::from(step)) % u64::from(most))
        .filter_map(|slot| i64::try_from(slot).ok())
        .find(|slot| !taken.contains(slot))
}

//! The memory Argon2 works in, kept from one hash to the next.
//!
//! Fresh memory for every hash costs its page faults, a fifth of the hash. So buffers are kept for who hashes next, and
//! given back to the system once a while has passed in which nobody did.
//!
//! They are wiped when nobody waits for them: after the answer, not before it. Who hashes meanwhile takes one as it is,
//! for the first pass of Argon2 overwrites it.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use argon2::Block;

/// Blocks wiped at a time, so that nobody waits for more: some 40 us.
const CHUNK: usize = 1024;

/// glibc takes an allocation from the system, and gives it back when it is freed, if it is larger than any threshold
/// (`DEFAULT_MMAP_THRESHOLD_MAX`, 32 MiB) it may have come to; a smaller one stays in the arena of its thread. Only the
/// part that is used becomes memory.
const MAPPED: usize = 33 * 1024;

/// Buffers of one size, made when they are first wanted. As many exist as were ever lent at once, and no more than
/// `most` are kept. No `Debug` here: Argon2 derives one for its blocks that prints what is in them.
pub(super) struct Pool {
    blocks: usize,
    most: usize,
    idle: Mutex<Vec<Buffer>>,
    // Those who are about to take a buffer.
    coming: AtomicUsize,
    /// Buffers made to be kept.
    #[cfg(test)]
    pub(super) created: AtomicUsize,
}

struct Buffer {
    blocks: Vec<Block>,
    // So many, the first ones, hold what a hash left there.
    dirty: usize,
    // Since the last `rest`.
    used: bool,
}

impl Pool {
    /// Keeps at most `most` buffers of so many blocks.
    pub(super) fn new(blocks: usize, most: usize) -> Self {
        Self {
            blocks,
            most,
            idle: Mutex::default(),
            coming: AtomicUsize::new(0),
            #[cfg(test)]
            created: AtomicUsize::new(0),
        }
    }

    /// Memory of so many blocks, whatever is in it. Who wants more than the pool's buffers have gets memory of their
    /// own, freed after use. `None` when there is none.
    pub(super) fn lend(&self, wanted: usize) -> Option<Lent<'_>> {
        self.coming.fetch_add(1, SeqCst);
        let idle = (wanted <= self.blocks).then(|| self.idle().pop()).flatten();
        self.coming.fetch_sub(1, SeqCst);
        let mut buffer = match idle {
            Some(buffer) => buffer,
            None => self.allocate(wanted)?,
        };
        buffer.dirty = buffer.dirty.max(wanted);
        Some(Lent {
            buffer: Some(buffer),
            wanted,
            pool: self,
        })
    }

    fn allocate(&self, wanted: usize) -> Option<Buffer> {
        let len = wanted.max(self.blocks);
        let mut blocks = Vec::new();
        // Small ones, as tests have, are no matter.
        let capacity = if len < CHUNK { len } else { len.max(MAPPED) };
        blocks.try_reserve_exact(capacity).ok()?;
        blocks.resize(len, Block::new());
        #[cfg(test)]
        if len == self.blocks {
            self.created.fetch_add(1, SeqCst);
        }
        Some(Buffer {
            blocks,
            dirty: 0,
            used: true,
        })
    }

    /// Wipes what is idle, until somebody comes to hash: they do this again when they have done.
    pub(super) fn wipe(&self) {
        while self.coming.load(SeqCst) == 0 {
            let mut idle = self.idle();
            let Some(buffer) = idle.iter_mut().find(|buffer| buffer.dirty > 0) else {
                return;
            };
            buffer.wipe(CHUNK);
        }
    }

    /// Gives back to the system what nobody has used since the last call.
    pub(super) fn rest(&self) {
        self.idle()
            .retain_mut(|buffer| std::mem::take(&mut buffer.used));
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Buffer>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    // Argon2 needs no clean memory. But with what it leaves there, the passes can be undone down to the first blocks,
    // and those tell with one BLAKE2b whether a guess is right: far cheaper than the stored hash does.
    fn wipe(&mut self, most: usize) {
        let clean_from = self.dirty.saturating_sub(most);
        let part = self.blocks.get_mut(clean_from..self.dirty);
        for block in part.unwrap_or_default() {
            // By its words: this becomes one `memset`, a fill with blocks would copy each.
            block.as_mut().fill(0);
        }
        self.dirty = clean_from;
        black_box(&mut self.blocks);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.wipe(self.dirty);
    }
}

/// Memory of a pool, which has it back when this goes, also by a panic.
pub(super) struct Lent<'a> {
    buffer: Option<Buffer>,
    wanted: usize,
    pool: &'a Pool,
}

impl AsMut<[Block]> for Lent<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        let blocks = self.buffer.as_mut().map(|buffer| &mut buffer.blocks);
        let part = blocks.and_then(|blocks| blocks.get_mut(..self.wanted));
        part.unwrap_or_default()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(mut buffer) = self.buffer.take() else {
            return;
        };
        if buffer.blocks.len() != self.pool.blocks {
            return;
        }
        buffer.used = true;
        let mut idle = self.pool.idle();
        if idle.len() < self.pool.most {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wiped(blocks: &[Block]) -> bool {
        blocks
            .iter()
            .all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    fn soil(lent: &mut Lent<'_>) {
        let blocks = lent.as_mut().iter_mut();
        blocks.for_each(|block| block.as_mut().fill(u64::MAX));
    }

    #[test]
    fn buffers_are_reused_and_wiped() {
        let pool = Pool::new(8, 2);
        for wanted in [8, 3, 8] {
            let mut lent = pool.lend(wanted).expect("memory");
            assert_eq!(lent.as_mut().len(), wanted);
            assert!(is_wiped(lent.as_mut()));
            soil(&mut lent);
            drop(lent);
            assert!(!is_wiped(&pool.idle()[0].blocks));
            pool.wipe();
            assert!(is_wiped(&pool.idle()[0].blocks));
        }
        assert_eq!(pool.created.load(SeqCst), 1);
        assert_eq!(pool.idle().len(), 1);
    }

    #[test]
    fn what_a_smaller_hash_did_not_overwrite_is_wiped_too() {
        let pool = Pool::new(3 * CHUNK, 1);
        for wanted in [3 * CHUNK, 2] {
            soil(&mut pool.lend(wanted).expect("memory"));
        }
        assert_eq!(pool.idle()[0].dirty, 3 * CHUNK);
        pool.wipe();
        assert!(is_wiped(&pool.idle()[0].blocks));
    }

    #[test]
    fn whoever_comes_to_hash_does_not_wait_for_the_wiping() {
        let pool = Pool::new(8, 1);
        soil(&mut pool.lend(8).expect("memory"));
        pool.coming.fetch_add(1, SeqCst);
        pool.wipe();
        assert!(!is_wiped(&pool.idle()[0].blocks));
        pool.coming.fetch_sub(1, SeqCst);
        pool.wipe();
        assert!(is_wiped(&pool.idle()[0].blocks));
    }

    #[test]
    fn no_more_are_kept_than_may_be() {
        let pool = Pool::new(8, 2);
        let lent: Vec<_> = (0..3).map(|_| pool.lend(8)).collect();
        assert!(lent.iter().all(Option::is_some));
        drop(lent);
        assert_eq!(pool.idle().len(), 2);
    }

    #[test]
    fn what_nobody_uses_is_given_back() {
        let pool = Pool::new(8, 2);
        drop([pool.lend(8), pool.lend(8)]);
        pool.rest();
        assert_eq!(pool.idle().len(), 2);
        drop(pool.lend(8));
        pool.rest();
        assert_eq!(pool.idle().len(), 1);
        pool.rest();
        assert!(pool.idle().is_empty());
    }

    #[test]
    fn who_wants_more_than_a_buffer_gets_memory_that_is_not_kept() {
        let pool = Pool::new(8, 2);
        let mut own = pool.lend(9).expect("memory");
        assert_eq!(own.as_mut().len(), 9);
        drop(own);
        assert_eq!(pool.created.load(SeqCst), 0);
        assert!(pool.idle().is_empty());
        assert!(pool.lend(usize::MAX).is_none());
    }

    #[test]
    fn a_panic_gives_its_buffer_back() {
        let pool = Pool::new(8, 1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _lent = pool.lend(8);
            panic!("library bug");
        }));
        assert!(panicked.is_err());
        assert_eq!(pool.idle().len(), 1);
        assert!(pool.lend(8).is_some());
        assert_eq!(pool.created.load(SeqCst), 1);
    }
}

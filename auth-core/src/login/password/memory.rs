//! The memory Argon2 works in, kept from one hash to the next.
//!
//! Allocated anew for every hash, on whichever thread computes it, it is never given back to the system: glibc keeps
//! what is freed in arenas of which each thread has its own, and a process that once hashed on many threads holds the
//! memory of many hashes.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use argon2::Block;

/// Buffers of one size, made when they are first wanted and kept. As many exist as were ever lent at once, and no more
/// than `most` are kept. No `Debug` here: Argon2 derives one for its blocks that prints what is in them.
pub(super) struct Pool {
    blocks: usize,
    most: usize,
    idle: Mutex<Vec<Vec<Block>>>,
    /// Buffers made to be kept.
    #[cfg(test)]
    pub(super) created: std::sync::atomic::AtomicUsize,
}

impl Pool {
    /// Keeps at most `most` buffers of so many blocks.
    pub(super) fn new(blocks: usize, most: usize) -> Self {
        Self {
            blocks,
            most,
            idle: Mutex::default(),
            #[cfg(test)]
            created: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Memory of so many blocks. Who wants more than the pool's buffers have gets memory of their own, freed after use.
    /// `None` when there is none.
    pub(super) fn lend(&self, wanted: usize) -> Option<Lent<'_>> {
        let idle = (wanted <= self.blocks).then(|| self.idle().pop()).flatten();
        let blocks = match idle {
            Some(blocks) => blocks,
            None => self.allocate(wanted)?,
        };
        Some(Lent {
            blocks,
            wanted,
            pool: self,
        })
    }

    fn allocate(&self, wanted: usize) -> Option<Vec<Block>> {
        let len = wanted.max(self.blocks);
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(len).ok()?;
        blocks.resize(len, Block::new());
        #[cfg(test)]
        if len == self.blocks {
            self.created
                .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        Some(blocks)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of a pool, which has it back when this goes, also by a panic.
pub(super) struct Lent<'a> {
    blocks: Vec<Block>,
    wanted: usize,
    pool: &'a Pool,
}

impl AsMut<[Block]> for Lent<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        let wanted = self.wanted.min(self.blocks.len());
        &mut self.blocks[..wanted]
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Argon2 needs no clean memory. But with what it leaves there, the passes can be undone down to the first
        // blocks, and those tell with one BLAKE2b whether a guess is right: far cheaper than the stored hash does.
        self.as_mut().fill(Block::new());
        let mut blocks = black_box(std::mem::take(&mut self.blocks));
        if blocks.len() != self.pool.blocks {
            return;
        }
        let mut idle = self.pool.idle();
        if idle.len() < self.pool.most {
            idle.push(std::mem::take(&mut blocks));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    fn is_wiped(blocks: &[Block]) -> bool {
        blocks
            .iter()
            .all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    #[test]
    fn buffers_are_reused_and_come_back_wiped() {
        let pool = Pool::new(8, 2);
        for wanted in [8, 3, 8] {
            let mut lent = pool.lend(wanted).expect("memory");
            assert_eq!(lent.as_mut().len(), wanted);
            assert!(is_wiped(lent.as_mut()));
            lent.as_mut()
                .iter_mut()
                .for_each(|block| block.as_mut().fill(u64::MAX));
        }
        assert_eq!(pool.created.load(SeqCst), 1);
        assert_eq!(pool.idle().len(), 1);
        assert!(is_wiped(&pool.idle()[0]));
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

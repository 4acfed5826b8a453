//! Providers that many apps know, as rows.

/// A provider as it is known to everybody.
pub(in crate::login) struct Preset {
    /// What [`Upstream::preset`](super::Upstream::preset) knows it by.
    pub(in crate::login) name: &'static str,
}

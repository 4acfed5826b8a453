//! Table names, which begin as the host wishes.

use sea_orm::DynIden;

pub(crate) const DEFAULT_PREFIX: &str = "auth_";

#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) users: DynIden,
    pub(crate) sessions: DynIden,
    pub(crate) session_ends: DynIden,
    pub(crate) one_time: DynIden,
    pub(crate) throttles: DynIden,
    pub(crate) clients: DynIden,
    pub(crate) grants: DynIden,
    pub(crate) refresh_tokens: DynIden,
    pub(crate) consents: DynIden,
    pub(crate) signing_keys: DynIden,
    pub(crate) leases: DynIden,
    pub(crate) counters: DynIden,
    pub(crate) outbox: DynIden,
    pub(crate) totp: DynIden,
    pub(crate) backup_codes: DynIden,
    pub(crate) trusted_devices: DynIden,
    pub(crate) seen_devices: DynIden,
    pub(crate) passkeys: DynIden,
    pub(crate) identities: DynIden,
    pub(crate) upstream_sessions: DynIden,
    pub(crate) audit: DynIden,
}

impl Tables {
    pub(crate) fn new(prefix: &str) -> Self {
        let table = |name: &str| DynIden::from(format!("{prefix}{name}"));
        Self {
            users: table("users"),
            sessions: table("sessions"),
            session_ends: table("session_ends"),
            one_time: table("one_time"),
            throttles: table("throttles"),
            clients: table("clients"),
            grants: table("grants"),
            refresh_tokens: table("refresh_tokens"),
            consents: table("consents"),
            signing_keys: table("signing_keys"),
            leases: table("leases"),
            counters: table("counters"),
            outbox: table("outbox"),
            totp: table("totp"),
            backup_codes: table("backup_codes"),
            trusted_devices: table("trusted_devices"),
            seen_devices: table("seen_devices"),
            passkeys: table("passkeys"),
            identities: table("identities"),
            upstream_sessions: table("upstream_sessions"),
            audit: table("audit"),
        }
    }
}

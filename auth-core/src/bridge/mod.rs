//! Bridge: makes one wing answer another's questions. The wings never see each other; only this floor sees two of them.

#[cfg(all(feature = "login", feature = "provider"))]
mod accounts;
#[cfg(all(feature = "login", feature = "provider"))]
mod apps;
#[cfg(all(feature = "login", feature = "provider"))]
mod consents;
#[cfg(all(feature = "provider", feature = "resource"))]
mod issuer;
#[cfg(feature = "provider")]
mod jwks;
#[cfg(all(feature = "login", feature = "provider"))]
mod sessions;

#[cfg(all(feature = "login", feature = "provider"))]
pub(crate) use accounts::LoginAccounts;
#[cfg(all(feature = "login", feature = "provider"))]
pub(crate) use apps::PendingRequests;
#[cfg(all(feature = "login", feature = "provider"))]
pub(crate) use consents::Consents;
#[cfg(all(feature = "provider", feature = "resource"))]
pub(crate) use issuer::ProviderIssuer;
#[cfg(feature = "provider")]
pub(crate) use jwks::OutboundJwks;
#[cfg(all(feature = "login", feature = "provider"))]
pub(crate) use sessions::EndGrants;

//! Web floor: requests, forms, cookies, anti-forgery, redirects, client address, headers, content negotiation.

mod base_url;
mod basic;
mod client_address;
mod cookies;
mod exchange;
mod forgery;
mod headers;
mod interrupt;
mod negotiation;
mod params;
mod peer_certificate;
mod problem;
mod respond;
mod return_to;
mod route;
mod session_token;

pub use base_url::{BaseUrl, BaseUrlError};
pub use basic::{BasicCredentials, BasicError};
#[cfg(feature = "login")]
pub(crate) use client_address::network_of;
pub use client_address::{ClientAddr, TrustedProxies, TrustedProxiesError, throttle_bucket};
#[cfg(feature = "federation")]
pub(crate) use cookies::MAX_SEALED;
pub use cookies::{CookieJar, CookieLife, CookieName};
pub use exchange::Exchange;
pub use forgery::{FORM_TOKEN_FIELD, Forgery, FormTokens};
#[cfg(feature = "login")]
pub use headers::allow_fetches;
pub use headers::{
    FormTarget, PagePolicy, allow_frames, finish_headers, frame_headers, page_headers,
    private_headers,
};
pub use interrupt::Interrupt;
pub use negotiation::{language, wants_json};
pub use params::{Params, ParamsError, with_query};
pub use peer_certificate::PeerCertificate;
pub use problem::Problem;
pub use respond::{
    Response, asset, conditional_json, empty, html, json, no_content, preflight, see_other,
    with_cors,
};
pub use return_to::ReturnTo;
pub use route::{Route, Side};
#[cfg(any(feature = "login", feature = "resource"))]
pub(crate) use session_token::SESSION_TOKEN_PREFIX;
pub(crate) use session_token::session_token;

/// How long an adapter waits for a request's body: a client that sends a byte now and then holds a connection no longer.
pub const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// The largest request body any endpoint reads, in bytes (256 KiB). Adapters stop reading past it.
pub const BODY_LIMIT: usize = 256 * 1024;

/// A body over the limit, for adapters that stopped reading one: the core gives its own answer to it.
pub fn too_large_body() -> bytes::Bytes {
    static ZEROS: [u8; BODY_LIMIT + 1] = [0; BODY_LIMIT + 1];
    bytes::Bytes::from_static(&ZEROS)
}

//! The wing, driven as a browser would drive it, over the memory store and a clock that stands still.

mod account;
mod audit_actors;
mod bad_input;
mod bearer;
mod breached;
mod browsers;
mod captcha;
mod email_change;
mod email_confirm;
mod email_hijack;
mod email_kit;
mod email_news;
mod email_news_limits;
mod email_races;
mod email_reset;
mod email_sign_in;
mod email_silence;
mod email_threats;
mod email_undo;
mod factors;
#[cfg(feature = "federation")]
mod federation_account;
#[cfg(feature = "federation")]
mod federation_back_channel;
#[cfg(feature = "federation")]
mod federation_ended;
#[cfg(feature = "federation")]
mod federation_kit;
#[cfg(feature = "federation")]
mod federation_link;
#[cfg(feature = "federation")]
mod federation_logout;
#[cfg(feature = "federation")]
mod federation_recency;
#[cfg(feature = "federation")]
mod federation_session;
#[cfg(feature = "federation")]
mod federation_sign_in;
#[cfg(feature = "federation")]
mod federation_threats;
#[cfg(feature = "federation")]
mod federation_tokens;
#[cfg(feature = "federation")]
mod federation_who;
mod first_factors;
mod harness;
mod host;
#[cfg(feature = "workos")]
mod hosted;
mod lifecycle;
mod lifecycle_hooks;
mod lifecycle_last_mail;
#[cfg(feature = "passkeys")]
mod passkey_account;
#[cfg(feature = "passkeys")]
pub(crate) mod passkey_device;
#[cfg(feature = "passkeys")]
mod passkey_races;
#[cfg(feature = "passkeys")]
mod passkey_second_factor;
#[cfg(feature = "passkeys")]
mod passkey_second_factor_threats;
#[cfg(feature = "passkeys")]
mod passkey_sign_in;
#[cfg(feature = "passkeys")]
mod passkey_sign_up;
#[cfg(feature = "passkeys")]
mod passkey_step_up;
#[cfg(feature = "passkeys")]
mod passkey_threats;
mod password_strength;
mod register;
mod second_factor;
mod second_factor_policy;
mod second_factor_races;
mod second_factor_threats;
mod secrecy;
mod secrecy_mail;
mod session_watch;
mod sessions;
mod sign_in;
mod sign_out;
mod step_up;
mod step_up_mail;
mod throttle;
mod trusted_devices;

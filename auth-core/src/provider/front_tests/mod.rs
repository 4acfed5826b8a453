//! The front side as a browser sees it, through `ProviderWing::handle`.

mod browser;
mod consent;
mod faults;
mod flow;
mod front_channel;
mod front_channel_logout;
mod grants;
mod house;
mod interactions;
mod logout;
mod prompts;
mod registered;
mod request_objects;
mod requests;
mod session_management;

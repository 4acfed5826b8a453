mod delivery;
mod development;
mod house;
#[cfg(feature = "smtp")]
mod smtp;
mod writing;

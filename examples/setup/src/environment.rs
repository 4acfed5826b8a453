//! Reading the environment.

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use crate::SetupError;

/// A variable that is set and not empty.
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable of another type than text.
pub(crate) fn parsed<T>(name: &str, default: T) -> Result<T, SetupError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    parsed_of(&text, name, default)
}

/// The same, of variables from elsewhere.
pub(crate) fn parsed_of<T>(
    read: &dyn Fn(&str) -> Option<String>,
    name: &str,
    default: T,
) -> Result<T, SetupError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    match read(name) {
        None => Ok(default),
        Some(value) => value
            .parse()
            .map_err(|error| format!("{name}={value:?} is not valid: {error}").into()),
    }
}

/// The log: `RUST_LOG`, or what an operator wants to see.
pub(crate) fn start_log() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,sea_orm=warn,sea_orm_migration=warn"));
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// Creates a folder that only its owner may enter.
#[cfg(feature = "stores")]
pub(crate) fn create_folder(path: &std::path::Path) -> Result<(), SetupError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        format!(
            "the data folder {} cannot be created: {error}",
            path.display()
        )
        .into()
    })
}

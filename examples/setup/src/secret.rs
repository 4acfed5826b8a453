//! The master secret of an example, when the environment names none.

use auth_core::ground::{Random, SystemRandom};

#[cfg(feature = "stores")]
use crate::{SetupError, environment};

/// A secret for a host that keeps nothing.
pub fn ephemeral() -> String {
    let random: &dyn Random = &SystemRandom;
    random.secret()
}

/// The secret in the data folder, made with mode 0600 if it is not there.
#[cfg(feature = "stores")]
pub(crate) fn kept_in(data: &std::path::Path) -> Result<String, SetupError> {
    use std::fs::OpenOptions;
    use std::io::{ErrorKind, Write as _};

    environment::create_folder(data)?;
    let path = data.join("secret");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            let secret = ephemeral();
            file.write_all(secret.as_bytes())?;
            tracing::warn!(
                path = %path.display(),
                "AUTH_SECRET is not set: a secret was created. Back it up: without it nothing sealed can be opened."
            );
            Ok(secret)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(std::fs::read_to_string(&path)?.trim().to_owned())
        }
        Err(error) => Err(format!("{} cannot be created: {error}", path.display()).into()),
    }
}

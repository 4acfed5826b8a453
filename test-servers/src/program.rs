//! Where programs are.

use std::path::{Path, PathBuf};

/// A program, the Debian package it comes in, and the variable that names a server from elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) variable: &'static str,
}

impl Program {
    /// Its path, from `PATH` or where Debian keeps daemons.
    pub(crate) fn path(self) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let daemons = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        std::env::split_paths(&path)
            .chain(daemons)
            .map(|folder| folder.join(self.name))
            .find(|file| file.is_file())
            .unwrap_or_else(|| self.missing())
    }

    /// The folder of PostgreSQL's programs, of the newest version there is.
    pub(crate) fn postgres_folder(self) -> PathBuf {
        let versions = Path::new("/usr/lib/postgresql")
            .read_dir()
            .into_iter()
            .flatten();
        versions
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|version| version.join("bin").join(self.name).is_file())
            .max_by_key(|version| version.file_name()?.to_str()?.parse::<u32>().ok())
            .map_or_else(
                || {
                    let program = self.path().canonicalize().expect("a file");
                    program.parent().expect("a folder").to_owned()
                },
                |version| version.join("bin"),
            )
    }

    fn missing(self) -> ! {
        let Self {
            name,
            package,
            variable,
        } = self;
        let elsewhere = if variable.is_empty() {
            String::new()
        } else {
            format!(", or name a server from elsewhere in {variable}")
        };
        panic!("{name} is missing: install it (Debian: apt-get install {package}){elsewhere}")
    }
}

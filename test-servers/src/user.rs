//! Who runs a server that refuses to run as root.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// An unprivileged user and its group.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    group: String,
}

impl User {
    /// `preferred` or `nobody`; none if this process is not root's.
    pub(crate) fn unprivileged(preferred: &str) -> Option<Self> {
        if std::fs::metadata("/proc/self").expect("/proc").uid() != 0 {
            return None;
        }
        let user = [preferred, "nobody"].into_iter().find_map(Self::named);
        Some(user.expect("root has an unprivileged user to run servers as"))
    }

    fn named(name: &str) -> Option<Self> {
        let output = Command::new("id")
            .args(["-g", name])
            .output()
            .expect("id runs");
        output.status.success().then(|| Self {
            name: name.to_owned(),
            group: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        })
    }

    /// What a command begins with to run as this user, under the same process id.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        vec![
            "setpriv".into(),
            format!("--reuid={}", self.name).into(),
            format!("--regid={}", self.group).into(),
            "--clear-groups".into(),
            "--".into(),
        ]
    }
}

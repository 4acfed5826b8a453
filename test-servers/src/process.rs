//! A server's processes: signals to all of them, and whether they are gone.

use std::fs;
use std::process::{Command, Stdio};

/// The parent and the state of a process; none if it is gone.
fn parent_and_state(pid: u32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold spaces and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// Whether a process has ended, be it that nobody has asked how.
pub(crate) fn is_gone(pid: u32) -> bool {
    parent_and_state(pid).is_none_or(|(_, state)| state == 'Z')
}

/// Whether a process is there and not frozen.
pub(crate) fn is_active(pid: u32) -> bool {
    parent_and_state(pid).is_some_and(|(_, state)| !['Z', 'T'].contains(&state))
}

/// Whether every thread of a process has stopped, or it is gone.
pub(crate) fn is_frozen(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    let state = |thread: fs::DirEntry| {
        let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
        stat.rsplit_once(')')?.1.trim_start().chars().next()
    };
    threads
        .flatten()
        .all(|thread| state(thread).is_none_or(|state| ['T', 'Z', 'X'].contains(&state)))
}

/// A process and all that descend from it, parents first.
fn family(root: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent_and_state(pid)?.0)))
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    family
}

/// Signals processes; one that is gone is no matter.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let _ = Command::new("sh")
        .args(["-c", r#"kill -s "$0" "$@""#, name])
        .args(pids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .expect("sh runs");
}

/// Signals a process and all that descend from it, also those that come while it does. Says which they are.
pub(crate) fn signal_family(name: &str, root: u32) -> Vec<u32> {
    let mut signalled = Vec::new();
    loop {
        let new: Vec<u32> = family(root)
            .into_iter()
            .filter(|pid| !signalled.contains(pid))
            .collect();
        if new.is_empty() {
            return signalled;
        }
        signal(name, &new);
        signalled.extend(new);
    }
}

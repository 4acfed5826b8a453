//! Commands that end, one way or the other.

use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use crate::wait::{LIMIT, within};

/// What `command` prints when fed `input`; if it fails, or takes longer than [`LIMIT`], what it complains of.
pub(crate) fn output(command: &mut Command, input: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let stdout = read(child.stdout.take().expect("a pipe"));
    let stderr = read(child.stderr.take().expect("a pipe"));
    // Who has complained already does not listen.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    let mut status = None;
    let ended = within(LIMIT, || {
        status = child.try_wait().expect("a child");
        status.is_some()
    });
    if !ended {
        child.kill().expect("a child");
        child.wait().expect("a child");
        return Err(format!("{command:?} was still running after {LIMIT:?}"));
    }
    let (stdout, stderr) = (stdout.join().expect("text"), stderr.join().expect("text"));
    if status.is_some_and(|status| status.success()) {
        Ok(stdout.trim_end().to_owned())
    } else {
        Err(format!("{command:?}: {}", stderr.trim_end()))
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

//! The scripts: each decides one step of a verb, on one key.

use redis::{Cmd, ToRedisArgs};

pub(crate) struct Script {
    source: &'static str,
    digest: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        let digest = redis::Script::new(source).get_hash().to_owned();
        Self { source, digest }
    }

    pub(crate) fn call(&self, key: String) -> Call<'_> {
        Call {
            script: self,
            key,
            arguments: Vec::new(),
        }
    }
}

/// A script with its key and arguments.
pub(crate) struct Call<'a> {
    script: &'a Script,
    key: String,
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// By the script's digest, which a server may not know.
    pub(crate) fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// With the script itself: one step on one node, where `SCRIPT LOAD` would need a second one, and in a cluster
    /// every node.
    pub(crate) fn by_source(&self) -> Cmd {
        self.command("EVAL", self.script.source)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(1).arg(&self.key);
        for argument in &self.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}

pub(crate) struct Scripts {
    pub(crate) session_rotate: Script,
    pub(crate) session_touch: Script,
    pub(crate) session_revoke: Script,
    pub(crate) user_add: Script,
    pub(crate) one_time_put: Script,
    pub(crate) one_time_consume: Script,
    pub(crate) one_time_claim: Script,
    pub(crate) throttle_count: Script,
    pub(crate) throttle_take_back: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            session_rotate: Script::new(include_str!("scripts/session_rotate.lua")),
            session_touch: Script::new(include_str!("scripts/session_touch.lua")),
            session_revoke: Script::new(include_str!("scripts/session_revoke.lua")),
            user_add: Script::new(include_str!("scripts/user_add.lua")),
            one_time_put: Script::new(include_str!("scripts/one_time_put.lua")),
            one_time_consume: Script::new(include_str!("scripts/one_time_consume.lua")),
            one_time_claim: Script::new(include_str!("scripts/one_time_claim.lua")),
            throttle_count: Script::new(include_str!("scripts/throttle_count.lua")),
            throttle_take_back: Script::new(include_str!("scripts/throttle_take_back.lua")),
        }
    }
}

//! Who acts: the person at the keyboard, or the daemon's own user, and on which host.

use std::fs;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// Who runs this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// As people call him: `ann`, or `ann as root` where he came by sudo.
    pub name: String,
    /// The user's name, from the number that the kernel knows.
    user: String,
    uid: u32,
    /// Who has called sudo, as sudo tells it. Whoever does not come by sudo can set the variable too: `user` is what is certain.
    sudo_user: Option<String>,
    host: String,
}

/// Who runs this process: found out once.
pub fn actor() -> &'static Actor {
    static ACTOR: OnceLock<Actor> = OnceLock::new();
    ACTOR.get_or_init(Actor::read)
}

impl Actor {
    fn read() -> Self {
        let uid = rustix::process::getuid().as_raw();
        // Users that only a directory service knows stand by their number.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = user_name(&users, uid).unwrap_or_else(|| format!("uid {uid}"));
        let sudo_user = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty() && *name != user);
        // Not from /proc/sys, which the service does not see.
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let name = sudo_user.as_ref().map_or_else(|| user.clone(), |sudo| format!("{sudo} as {user}"));
        Self { name, user, uid, sudo_user, host }
    }

    /// As it stands in the audit.
    pub fn as_json(&self) -> Value {
        json!({ "user": self.user, "uid": self.uid, "sudo_user": self.sudo_user, "host": self.host })
    }
}

/// The name of a user in the text of passwd(5).
fn user_name(users: &str, uid: u32) -> Option<String> {
    let line = users.lines().find(|line| line.split(':').nth(2).and_then(|id| id.parse().ok()) == Some(uid));
    line?.split(':').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_his_number() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\n# note\nann:x:1000:1000::/home/ann:/bin/sh\n:x:7:7:::\n";
        assert_eq!(user_name(users, 1000).as_deref(), Some("ann"));
        assert_eq!(user_name(users, 7), None);
        assert_eq!(user_name(users, 1), None);
    }
}

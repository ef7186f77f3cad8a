//! The Debian package under a real systemd: a container made of this machine, in which dpkg does what dpkg does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::support::{ACEQUIA, Container, skip};

/// What makes the package.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/package.sh");

/// The smallest rules of a daemon that stays: its database is not there.
const RULES: &str = r#"
[databases.practice]
host = "/run/nowhere"
dbname = "practicedb"

[customers]
hq = { database = "practice", schema = "practice" }
north = { database = "practice", schema = "cust_north" }

[datasets.cpt_code]
key = ["code"]

[[sync]]
name = "codes"
from = "hq"
to = ["north"]
data = ["cpt_code"]
"#;

/// Why it can't be tried here.
fn hindrance() -> Option<String> {
    for program in ["cargo-deb", "dpkg-deb", "strip", "deb-systemd-helper"] {
        let there = |path: PathBuf| path.join(program).exists();
        if !env::var_os("PATH").is_some_and(|paths| env::split_paths(&paths).any(there)) {
            return Some(format!("{program} is not installed"));
        }
    }
    Container::hindrance()
}

/// A package of this version, with the program that is tested.
fn package(directory: &Path, version: &str) -> PathBuf {
    let built = directory.join("release");
    fs::create_dir_all(&built).expect("a directory");
    let stripped = Command::new("strip").arg("-o").arg(built.join("acequia")).arg(ACEQUIA).status();
    assert!(stripped.expect("strip can be started").success());
    let package = directory.join(format!("{version}.deb"));
    let made = Command::new(SCRIPT)
        .args(["--fast", "--no-strip", "--quiet", "--deb-version", version, "--output"])
        .arg(&package)
        .env("CARGO_TARGET_DIR", directory)
        .output()
        .expect("the script can be started");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    package
}

/// Puts a package there.
fn carry(container: &Container, package: &Path, path: &str) {
    let package = File::open(package).expect("the package");
    let status = container.command(&["tee", path]).stdin(package).stdout(Stdio::null()).status();
    assert!(status.expect("it can be started").success(), "{path} can't be written");
}

/// What a shell there prints; it must not fail.
#[track_caller]
fn shell(container: &Container, script: &str) -> String {
    container.succeed(&["sh", "-c", script])
}

#[test]
fn the_package_starts_nothing_before_it_is_configured_upgrades_and_leaves_nothing() {
    if let Some(hindrance) = hindrance() {
        skip("the Debian package", &hindrance);
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let container = Container::boot_bare();
    // Where this machine forbids packages to start services, the container does not.
    shell(&container, "rm -f /usr/sbin/policy-rc.d; mkdir -p /opt/packages");
    for version in ["0.1.0-1", "0.1.0-2"] {
        carry(&container, &package(directory.path(), version), &format!("/opt/packages/{version}.deb"));
    }
    let before = shell(&container, THINGS);
    is_installed_and_not_started(&container);
    starts_and_is_restarted_by_an_upgrade(&container);

    // One that was stopped on purpose stays so.
    shell(&container, "systemctl stop acequia && dpkg --install /opt/packages/0.1.0-2.deb");
    assert_eq!(container.show("ActiveState"), "inactive");

    // Removed: stopped, and what is the user's stays. Purged: nothing stays but the user's name.
    shell(&container, "systemctl start acequia");
    assert_eq!(container.show("ActiveState"), "active");
    let told = shell(&container, "dpkg --remove acequia 2>&1");
    assert!(told.contains("replication slots stay"), "{told}");
    assert_eq!(shell(&container, "systemctl is-active acequia || true"), "inactive");
    shell(&container, "test -s /etc/acequia/acequia.toml && test -d /var/lib/acequia");
    shell(&container, "dpkg --purge acequia");
    assert_eq!(shell(&container, THINGS), before);
    assert_eq!(shell(&container, "id -un acequia"), "acequia");
}

/// Whoever asks: there are no rules.
fn is_installed_and_not_started(container: &Container) {
    shell(container, "dpkg --install /opt/packages/0.1.0-1.deb");
    assert_eq!(shell(container, "systemctl is-enabled acequia"), "enabled");
    assert_eq!(container.show("ActiveState"), "inactive");
    shell(container, "systemctl start acequia");
    assert_eq!((&*container.show("ActiveState"), &*container.show("ConditionResult")), ("inactive", "no"));
    let directories = "stat -c '%a %U:%G' /etc/acequia /etc/acequia/credentials /var/lib/acequia";
    assert_eq!(shell(container, directories), "750 root:acequia\n700 root:root\n700 acequia:acequia");
    assert!(shell(container, "acequia --version").starts_with("acequia "));
    shell(container, "acequia --config /usr/share/doc/acequia/config check --offline");
    shell(
        container,
        "test -s /usr/share/acequia/acequia.schema.json && test -s /usr/share/man/man5/acequia.toml.5.gz",
    );
}

fn starts_and_is_restarted_by_an_upgrade(container: &Container) {
    container.write("/etc/acequia/acequia.toml", RULES);
    shell(container, "(umask 077; echo secret >/etc/acequia/credentials/practice_password)");
    shell(container, "chmod 644 /etc/acequia/acequia.toml; systemctl start acequia");
    assert_eq!(container.show("ActiveState"), "active");
    let first = container.show("MainPID");
    shell(container, "dpkg --install /opt/packages/0.1.0-2.deb");
    container.wait_shown("ActiveState", |now| now == "active");
    assert_ne!(container.show("MainPID"), first, "an upgrade restarts the daemon");
    assert_eq!(shell(container, "dpkg-query --show --showformat '${Version}' acequia"), "0.1.0-2");
}

/// Whatever has our name.
const THINGS: &str =
    "find /etc /usr /lib /run /srv /var -xdev -iname '*acequia*' -not -path '/run/systemd/*' | sort";

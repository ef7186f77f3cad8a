//! Packets that are lost below TCP: neither side's kernel is told, nothing is acknowledged, no connection is refused.
//!
//! A proxy can't do that: its kernel goes on acknowledging what it does not pass on. A rule of the packet filter (nftables) for one
//! port of this machine drops what arrives, either way. A shell keeps the rule, and takes it away when its input closes: also when
//! this process is killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The packet filter may be busy with somebody else's rules.
const TRY: &str = "try() { \"$@\" || { sleep 1; \"$@\"; }; }";
/// `keep.sh TABLE RULES`
const KEEP: &str = "trap '' INT TERM HUP PIPE; try nft \"$2\" || exit 1; echo lost; read -r _; try nft delete table inet \"$1\"";

/// Of this machine's TCP connections as the kernel lists them: what follows the number.
const LOCAL: usize = 1;
const REMOTE: usize = 2;

/// As long as this lives, packets are lost.
pub(crate) struct Loss {
    /// Its standard input is what keeps the rule.
    keeper: Child,
}

impl Loss {
    /// Why none can be caused here; nothing where one can.
    pub(crate) fn hindrance() -> Option<String> {
        let table = table();
        let script = format!(
            "{TRY}; try nft '{}' && try nft delete table inet {table}",
            rules(&table, "tcp dport 1 accept")
        );
        let tried = Command::new("sh").args(["-c", &script]).output().expect("a shell");
        let said = String::from_utf8_lossy(&tried.stderr);
        (!tried.status.success()).then(|| {
            format!("no packets can be dropped (root, nftables): {}", said.lines().next().unwrap_or_default())
        })
    }

    /// Of everything that goes to this port of this machine or comes from it.
    pub(crate) fn at(port: u16) -> Self {
        Self::of(&format!("tcp dport {port} drop; tcp sport {port} drop"))
    }

    /// Of the connections that there are now with this port; new ones work.
    pub(crate) fn of_connections(port: u16) -> Self {
        let clients: Vec<String> = clients(port).iter().map(u16::to_string).collect();
        assert!(!clients.is_empty(), "nobody is connected with port {port}");
        let clients = clients.join(", ");
        Self::of(&format!(
            "tcp dport {port} tcp sport {{ {clients} }} drop; tcp sport {port} tcp dport {{ {clients} }} drop"
        ))
    }

    fn of(drops: &str) -> Self {
        let table = table();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", &format!("{TRY}; {KEEP}"), "keep", &table, &rules(&table, drops)]);
        let mut keeper =
            keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell can be started");
        let mut said = String::new();
        let output = keeper.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut said).expect("the shell answers");
        assert_eq!(said, "lost\n", "nft takes the rule: {drops}");
        Self { keeper }
    }
}

impl Drop for Loss {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let ended = self.keeper.wait();
        let is_gone = ended.as_ref().is_ok_and(ExitStatus::success);
        assert!(
            is_gone || std::thread::panicking(),
            "a rule of the packet filter is left: `nft list tables`: {ended:?}"
        );
    }
}

/// A name that no other test has, of this process or another.
fn table() -> String {
    static NAMED: AtomicUsize = AtomicUsize::new(0);
    format!("acequia_live_{}_{}", std::process::id(), NAMED.fetch_add(1, Ordering::Relaxed))
}

/// What arrives is dropped: a packet that were refused where it leaves would be told to who sends it.
fn rules(table: &str, drops: &str) -> String {
    format!("table inet {table} {{ chain arrives {{ type filter hook input priority 0; {drops}; }}; }}")
}

/// The ports from which somebody is connected with this one.
fn clients(port: u16) -> Vec<u16> {
    let list = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's list");
    let number = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let pairs = list.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some((number(words.get(LOCAL)?)?, number(words.get(REMOTE)?)?))
    });
    pairs.filter(|(_, remote)| *remote == port).map(|(local, _)| local).collect()
}

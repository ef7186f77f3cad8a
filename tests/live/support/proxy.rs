//! A proxy between the daemon and a server: it cuts after a message, stalls, drips, alters a word, and closes the door.
//!
//! The daemon's side is TCP on 127.0.0.1, the server's side is its socket in the file system, so that no password is asked
//! for. Both systems' TCP stays alive whatever the proxy does, as with a tunnel that is dead in the middle.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cluster::Cluster;

/// How often a stalled direction looks whether it may go on.
const LOOK: Duration = Duration::from_millis(5);
/// A slow link sends this often.
const DRIP: Duration = Duration::from_millis(50);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the daemon.
    Out,
    /// To the daemon.
    Back,
}

/// What the link does with bytes and with new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Open,
    /// Nothing passes, nothing is closed: the bytes wait.
    Stalled,
    /// So many bytes in a second, each way of each connection.
    Slow(usize),
    /// Who comes is sent away.
    Down,
}

/// Listens from the start to its drop.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    socket: Mutex<PathBuf>,
    link: Mutex<Link>,
    /// So many messages may pass this way before their connection is cut.
    cut: Mutex<Option<(Way, u64)>>,
    /// What the daemon says, and what the server hears instead, once.
    altered: Mutex<Option<(String, String)>>,
    pairs: Mutex<Vec<Arc<Pair>>>,
    carried: AtomicU64,
    ended: AtomicBool,
}

/// One connection of the daemon, and its other half.
struct Pair {
    near: TcpStream,
    far: UnixStream,
    /// The first that the daemon said: for whom the connection is.
    opening: Mutex<Vec<u8>>,
    /// Nothing ever passes any more, and neither side is told.
    dead: AtomicBool,
    closed: AtomicBool,
}

impl Pair {
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        _ = self.near.shutdown(Shutdown::Both);
        _ = self.far.shutdown(Shutdown::Both);
    }
}

impl Proxy {
    /// A proxy before a server of the tests.
    pub(crate) fn before(cluster: &Cluster) -> Self {
        Self::to(cluster.door().file())
    }

    /// A proxy before any server that listens on a socket in the file system.
    pub(crate) fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            socket: Mutex::new(socket),
            link: Mutex::new(Link::Open),
            cut: Mutex::new(None),
            altered: Mutex::new(None),
            pairs: Mutex::new(Vec::new()),
            carried: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let listening = Arc::clone(&shared);
        std::thread::spawn(move || listening.listen(&listener));
        Self { port, shared }
    }

    /// Where the daemon connects to, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the link does from now on.
    pub(crate) fn set(&self, link: Link) {
        *lock(&self.shared.link) = link;
        if link == Link::Down {
            self.cut();
        }
    }

    /// New connections come to another server from now on.
    pub(crate) fn lead_to(&self, socket: PathBuf) {
        *lock(&self.shared.socket) = socket;
    }

    /// Closes every connection; new ones are let in as before.
    pub(crate) fn cut(&self) {
        for pair in lock(&self.shared.pairs).drain(..) {
            pair.close();
        }
    }

    /// Closes the connection on which the `messages`-th message from now on has passed this way, at the end of that message.
    pub(crate) fn cut_after(&self, way: Way, messages: u64) {
        *lock(&self.shared.cut) = Some((way, messages));
    }

    /// Whether the cut that was asked for is still to come.
    pub(crate) fn is_to_cut(&self) -> bool {
        lock(&self.shared.cut).is_some()
    }

    /// The next time that the daemon says `from`, the server hears `to`, of the same length. It has to come in one piece, as
    /// short statements do.
    pub(crate) fn alter(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len(), "messages keep their lengths: {from:?} and {to:?}");
        *lock(&self.shared.altered) = Some((from.to_owned(), to.to_owned()));
    }

    /// Whether what is to be altered has still to be said.
    pub(crate) fn is_to_alter(&self) -> bool {
        lock(&self.shared.altered).is_some()
    }

    /// On the connections of now nothing passes ever again, and nobody is told; new ones are let in as before.
    pub(crate) fn kill_silently(&self) {
        for pair in lock(&self.shared.pairs).iter() {
            pair.dead.store(true, Ordering::Relaxed);
        }
    }

    /// The same for the connections of one application only; answers how many there are.
    pub(crate) fn kill_silently_of(&self, application: &str) -> usize {
        let wanted = format!("application_name\0{application}\0");
        let is_of = |pair: &&Arc<Pair>| {
            lock(&pair.opening).windows(wanted.len()).any(|piece| piece == wanted.as_bytes())
        };
        let pairs = lock(&self.shared.pairs);
        pairs.iter().filter(is_of).map(|pair| pair.dead.store(true, Ordering::Relaxed)).count()
    }

    /// How many bytes have passed, both ways.
    pub(crate) fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.cut();
        // The listener hears of it by one more connection.
        _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn listen(self: Arc<Self>, listener: &TcpListener) {
        while let Ok((near, _)) = listener.accept() {
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            if *lock(&self.link) == Link::Down {
                continue;
            }
            let place = lock(&self.socket).clone();
            // A server that is not there: the daemon sees its connection closed.
            let Ok(far) = UnixStream::connect(&place) else { continue };
            _ = near.set_nodelay(true);
            let (dead, closed) = (AtomicBool::new(false), AtomicBool::new(false));
            let pair = Arc::new(Pair { near, far, opening: Mutex::default(), dead, closed });
            lock(&self.pairs).push(Arc::clone(&pair));
            // Who closed all connections meanwhile did not know of this one.
            if *lock(&self.link) == Link::Down || *lock(&self.socket) != place {
                pair.close();
            }
            for way in [Way::Out, Way::Back] {
                let (shared, pair) = (Arc::clone(&self), Arc::clone(&pair));
                std::thread::spawn(move || shared.pump(&pair, way));
            }
        }
    }

    /// Carries bytes one way until either side ends.
    fn pump(&self, pair: &Pair, way: Way) {
        let mut frames = Frames { is_startup: way == Way::Out, header: Vec::new(), left: 0, is_cut: false };
        let mut bytes = vec![0; 16 << 10];
        loop {
            let read = match way {
                Way::Out => (&pair.near).read(&mut bytes),
                Way::Back => (&pair.far).read(&mut bytes),
            };
            let Ok(count) = read else { break };
            if count == 0 || !self.may_pass(pair) {
                break;
            }
            if way == Way::Out {
                if frames.is_startup {
                    lock(&pair.opening).extend_from_slice(&bytes[..count]);
                }
                self.alter(&mut bytes[..count]);
            }
            let passing = self.passing(&mut frames, way, &bytes[..count]);
            if !self.send(pair, way, &bytes[..passing]) || frames.is_cut {
                break;
            }
        }
        // One that is dead tells nobody.
        while pair.dead.load(Ordering::Relaxed) && !pair.closed.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
        pair.close();
        // Its ends are closed with it: what was not read by then is answered with a reset, as a server that went would.
        lock(&self.pairs).retain(|other| !std::ptr::eq(&raw const **other, pair));
    }

    /// Waits as long as nothing may pass; `false` where the connection has ended meanwhile.
    fn may_pass(&self, pair: &Pair) -> bool {
        loop {
            if pair.closed.load(Ordering::Relaxed) {
                return false;
            }
            let stalled = *lock(&self.link) == Link::Stalled || pair.dead.load(Ordering::Relaxed);
            if !stalled {
                return true;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn alter(&self, bytes: &mut [u8]) {
        let mut altered = lock(&self.altered);
        let said = |(from, _): &(String, String)| {
            bytes.windows(from.len()).position(|piece| piece == from.as_bytes())
        };
        let Some(at) = altered.as_ref().and_then(said) else { return };
        if let Some((_, to)) = altered.take() {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }

    /// How many of the bytes may pass before a cut.
    fn passing(&self, frames: &mut Frames, way: Way, bytes: &[u8]) -> usize {
        let mut cut = lock(&self.cut);
        let mut passed = 0;
        while passed < bytes.len() {
            let (taken, is_end) = frames.take(&bytes[passed..]);
            passed += taken;
            if let Some((cut_way, left)) = cut.as_mut().filter(|_| is_end)
                && *cut_way == way
            {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    *cut = None;
                    frames.is_cut = true;
                    return passed;
                }
            }
        }
        passed
    }

    fn send(&self, pair: &Pair, way: Way, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let link = *lock(&self.link);
            let piece = match link {
                Link::Slow(rate) => {
                    std::thread::sleep(DRIP);
                    rest.len().min((rate / 20).max(1))
                }
                Link::Open | Link::Stalled | Link::Down => rest.len(),
            };
            let sent = match way {
                Way::Out => (&pair.far).write_all(&rest[..piece]),
                Way::Back => (&pair.near).write_all(&rest[..piece]),
            };
            if sent.is_err() {
                return false;
            }
            self.carried.fetch_add(piece as u64, Ordering::Relaxed);
            rest = &rest[piece..];
        }
        true
    }
}

/// Finds where messages of PostgreSQL's protocol end: a tag, and a length that counts itself; the first one has no tag.
struct Frames {
    is_startup: bool,
    header: Vec<u8>,
    /// So many bytes are left of the message.
    left: usize,
    /// The connection ends after what has passed.
    is_cut: bool,
}

impl Frames {
    /// Takes bytes up to the end of a message at most: how many, and whether a message ends there.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        if self.left > 0 {
            let taken = self.left.min(bytes.len());
            self.left -= taken;
            return (taken, self.left == 0);
        }
        let head = if self.is_startup { 4 } else { 5 };
        let taken = (head - self.header.len()).min(bytes.len());
        self.header.extend_from_slice(&bytes[..taken]);
        if self.header.len() < head {
            return (taken, false);
        }
        let length: [u8; 4] = self.header[head - 4..].try_into().expect("four bytes");
        self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(4).saturating_sub(4);
        self.header.clear();
        self.is_startup = false;
        (taken, self.left == 0)
    }
}

//! The byte stream under the replication connection: a Unix socket, TCP, or TLS over TCP.
//!
//! (The driver opens the streams of its sessions by itself, by the same rules.)

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use crate::config::{Database, Tls};
use crate::postgres::error::Kind;
use crate::postgres::tls::{Connector, TlsError, TlsStream};

/// How long the operating system may take to connect to one address.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A silent TCP connection is probed after this.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Time between two probes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// So many unanswered probes, and the connection is dead.
pub const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent must be acknowledged by the other side's TCP within this. Linux takes it for the limit of the probes too.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(25);
/// The same where much is sent: a server that works but takes nothing for a while, its disks being busy, counts as silent too.
pub const TCP_USER_TIMEOUT_OF_WRITERS: Duration = Duration::from_mins(1);

/// An open connection to a server, before its first message.
pub enum Socket {
    /// The server's socket in the file system.
    Unix(UnixStream),
    /// TCP in plain text: only where the configuration says so.
    Tcp(TcpStream),
    /// TLS over TCP, verified.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Connects as the configuration says; asks for TLS and verifies it where that is wanted.
    pub async fn connect(database: &Database) -> Result<Self, Kind> {
        if is_socket_directory(&database.host) {
            return unix(&database.host, database.port).await;
        }
        match &database.tls {
            Tls::Socket => Err(Kind::Tls(TlsError::SocketOnly.to_string())),
            Tls::Off => Ok(Self::Tcp(tcp(&database.host, database.port).await?)),
            Tls::VerifyFull { root_certificates, client } => {
                let connector =
                    Connector::load(root_certificates.clone(), client.clone()).await.map_err(refused)?;
                let mut stream = tcp(&database.host, database.port).await?;
                ask_for_tls(&mut stream).await?;
                let agreed = timeout(CONNECT_LIMIT, connector.handshake(&database.host, stream)).await;
                let stream = agreed.map_err(|_| Kind::TimedOut(CONNECT_LIMIT))?.map_err(refused)?;
                Ok(Self::Tls(Box::new(stream)))
            }
        }
    }

    /// Whether nobody else can listen: a password in clear text may travel here only.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Unix(_) | Self::Tls(_) => true,
            Self::Tcp(_) => false,
        }
    }

    /// See [`TlsStream::server_end_point`].
    pub fn server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Unix(_) | Self::Tcp(_) => None,
            Self::Tls(stream) => stream.server_end_point(),
        }
    }
}

/// Whether a configured host is the directory of a Unix socket (as libpq decides it).
pub fn is_socket_directory(host: &str) -> bool {
    host.starts_with('/')
}

/// Whether somebody listens where the database is; nothing is said to him.
pub async fn is_reachable(database: &Database) -> bool {
    if is_socket_directory(&database.host) {
        return unix(&database.host, database.port).await.is_ok();
    }
    tcp(&database.host, database.port).await.is_ok()
}

#[expect(clippy::needless_pass_by_value, reason = "it is the last step of map_err")]
fn refused(error: TlsError) -> Kind {
    Kind::Tls(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is the last step of map_err")]
fn unreachable(error: io::Error) -> Kind {
    Kind::Connect(error.kind(), error.to_string())
}

/// Runs a step of connecting within its limit.
async fn within<T>(step: impl Future<Output = io::Result<T>>) -> Result<T, Kind> {
    timeout(CONNECT_LIMIT, step).await.map_err(|_| Kind::TimedOut(CONNECT_LIMIT))?.map_err(unreachable)
}

async fn unix(directory: &str, port: u16) -> Result<Socket, Kind> {
    let path = Path::new(directory).join(format!(".s.PGSQL.{port}"));
    Ok(Socket::Unix(within(UnixStream::connect(path)).await?))
}

/// Tries the host's addresses in order; the last failure is reported.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, Kind> {
    let addresses: Vec<_> = within(lookup_host((host, port))).await?.collect();
    let mut failure = Kind::Connect(io::ErrorKind::NotFound, "the name service knows no address".to_owned());
    for address in addresses {
        match within(tcp_to(address)).await {
            Ok(stream) => return Ok(stream),
            Err(kind) => failure = kind,
        }
    }
    Err(failure)
}

async fn tcp_to(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(stream)
}

/// `SSLRequest`. Exactly one byte is read: whatever a middleman sent behind it would otherwise pass for the server's words.
async fn ask_for_tls(stream: &mut TcpStream) -> Result<(), Kind> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let mut answer = [0];
    let exchange = async {
        stream.write_all(&request).await?;
        stream.read_exact(&mut answer).await
    };
    within(exchange).await?;
    if answer == *b"S" { Ok(()) } else { Err(refused(TlsError::Unsupported)) }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

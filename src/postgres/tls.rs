//! TLS towards PostgreSQL: always verify-full, and one connector for the driver's sessions and the replication connection.
//!
//! The files are read at every connect, so that a renewed certificate is used without a restart. SCRAM is bound to the
//! server's certificate where that certificate allows it (RFC 5929, `tls-server-end-point`).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use rustls::client::WantsClientCert;
use rustls::crypto::ring::default_provider;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, RootCertStore};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};

use crate::config::ClientCertificate;
use crate::postgres::end_point;

/// The protocol's registered name. Offered so that a server of another protocol cannot answer in PostgreSQL's place.
const ALPN: &[u8] = b"postgresql";

/// Why there is no TLS session. Names files and certificates, never what is inside a file.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsError {
    /// A PEM file could not be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file as the configuration names it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system has no root certificate.
    #[error("the system has no root certificates: install ca-certificates, or set `sslrootcert`")]
    NoSystemRoots,
    /// The client's certificate and key do not go together.
    #[error("the client certificate cannot be used: {0}")]
    ClientCertificate(rustls::Error),
    /// The provider refused its own protocol versions; never seen.
    #[error("no protocol version: {0}")]
    Versions(rustls::Error),
    /// The configured host can't be a name in a certificate.
    #[error("`{0}` is neither a host name nor an IP address")]
    HostName(String),
    /// The server answered the request for TLS with no.
    #[error("server does not support TLS: set `ssl = on` there")]
    Unsupported,
    /// A host that is no socket directory, with the setting that belongs to one.
    #[error("a connection over TCP needs TLS, or a setting that says in so many words that it goes without")]
    SocketOnly,
    /// The handshake failed, or the server ended it.
    #[error("{}", explained(.0))]
    Handshake(rustls::Error),
    /// The connection broke during the handshake.
    #[error("the connection broke during the handshake: {0}")]
    Io(io::ErrorKind),
    /// The task that reads the files was stopped.
    #[error("reading the certificates was interrupted")]
    Interrupted,
}

impl TlsError {
    /// The TLS error that an I/O error carries: a server refuses a client's certificate only after the handshake.
    pub fn inside(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<rustls::Error>().cloned().map(Self::Handshake)
    }
}

/// rustls's own words, with advice where they do not explain themselves.
fn explained(error: &rustls::Error) -> String {
    let advice = if let rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) = error {
        "; `sslrootcert` must hold the certificate of the authority that signed the server's"
    } else if let rustls::Error::InvalidCertificate(
        CertificateError::Expired | CertificateError::ExpiredContext { .. },
    ) = error
    {
        "; the server's certificate has expired: have a new one signed and put it there (ssl_cert_file, then reload the server); \
         it is used at the next try"
    } else if let rustls::Error::InvalidCertificate(
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
    ) = error
    {
        "; the server's certificate is not valid yet: look at the clocks of both hosts"
    } else if let rustls::Error::InvalidCertificate(
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
    ) = error
    {
        "; `host` must be a name that stands in the server's certificate (subjectAltName), or the certificate must have this one"
    } else if let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error
        && format!("{other:?}").contains("CaUsedAsEndEntity")
    {
        "; the server shows a certificate of an authority (CA:TRUE) as its own: libpq accepts that, this program does \
         not; have a server certificate with CA:FALSE signed by it"
    } else {
        ""
    };
    format!("{error}{advice}")
}

/// The settings of TLS towards one database, ready for handshakes.
#[derive(Clone)]
pub struct Connector(Arc<ClientConfig>);

impl fmt::Debug for Connector {
    /// Holds a private key: prints nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// Reads the files: `roots` (PEM, one or several certificates) or the system's, and the client's certificate.
    pub async fn load(roots: Option<PathBuf>, client: Option<ClientCertificate>) -> Result<Self, TlsError> {
        let load = move || Self::read(roots.as_deref(), client.as_ref());
        tokio::task::spawn_blocking(load).await.map_err(|_| TlsError::Interrupted)?
    }

    fn read(roots: Option<&Path>, client: Option<&ClientCertificate>) -> Result<Self, TlsError> {
        let roots = match roots {
            Some(path) => roots_from_file(path)?,
            None => roots_from_system()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?
            .with_root_certificates(roots);
        let mut config = with_client(builder, client)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// One handshake over `stream`, which has heard the server's yes; verifies chain, dates and `host`.
    pub async fn handshake<S>(&self, host: &str, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::HostName(host.to_owned()))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.0));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| TlsError::inside(&error).unwrap_or(TlsError::Io(error.kind())))?;
        Ok(TlsStream(stream))
    }
}

fn with_client(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    client: Option<&ClientCertificate>,
) -> Result<ClientConfig, TlsError> {
    let Some(client) = client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(&client.certificate)?;
    expect_guarded(&client.key)?;
    let key = PrivateKeyDer::from_pem_file(&client.key).map_err(|error| unusable(&client.key, &error))?;
    builder.with_client_auth_cert(chain, key).map_err(TlsError::ClientCertificate)
}

/// The certificates of the authorities that are trusted, for a driver that makes its TLS sessions itself: those of a
/// file, or of the system. Each of them can be read.
pub fn trusted(roots: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    if let Some(path) = roots {
        roots_from_file(path)?;
        return certificates(path);
    }
    let can_be_read = |root: &CertificateDer<'_>| RootCertStore::empty().add(root.clone()).is_ok();
    let roots: Vec<_> =
        rustls_native_certs::load_native_certs().certs.into_iter().filter(can_be_read).collect();
    if roots.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}

/// The bytes of a client's certificate and key, both of them well-formed PEM.
pub fn client_files(client: &ClientCertificate) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
    certificates(&client.certificate)?;
    expect_guarded(&client.key)?;
    PrivateKeyDer::from_pem_file(&client.key).map_err(|error| unusable(&client.key, &error))?;
    let read = |path: &Path| std::fs::read(path).map_err(|error| unusable(path, &pem::Error::Io(error)));
    Ok((read(&client.certificate)?, read(&client.key)?))
}

/// A private key that others can read is no secret. One that belongs to root may be read by its group, as libpq has it: so
/// systemd hands credentials over.
fn expect_guarded(key: &Path) -> Result<(), TlsError> {
    let metadata = std::fs::metadata(key).map_err(|error| unusable(key, &pem::Error::Io(error)))?;
    let forbidden = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    let reason = format!(
        "others may read or change this private key (mode {:04o}): chmod 600 {}",
        metadata.mode() & 0o7777,
        key.display()
    );
    Err(TlsError::File { path: key.to_owned(), reason })
}

fn roots_from_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::File { path: path.to_owned(), reason: error.to_string() })?;
    }
    Ok(roots)
}

/// Certificates that rustls cannot read are left out: a system's store may hold some that are decades old.
fn roots_from_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _unreadable) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}

/// All certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() { Err(unusable(path, &pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

/// Only the reader's I/O errors are quoted: its others carry lines of the file, which may be a private key.
fn unusable(path: &Path, error: &pem::Error) -> TlsError {
    let reason = if let pem::Error::Io(error) = error {
        error.to_string()
    } else if let pem::Error::NoItemsFound = error {
        "no PEM section of the right kind in it".to_owned()
    } else {
        "not a well-formed PEM file".to_owned()
    };
    TlsError::File { path: path.to_owned(), reason }
}

/// A TLS session over a stream.
pub struct TlsStream<S>(tokio_rustls::client::TlsStream<S>);

impl<S> TlsStream<S> {
    /// What SCRAM-SHA-256-PLUS is bound to: a hash of the server's certificate; `None` where it has no fitting hash.
    pub fn server_end_point(&self) -> Option<Vec<u8>> {
        let (_, session) = self.0.get_ref();
        end_point::hash(session.peer_certificates()?.first()?)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for TlsStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.server_end_point().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// The driver's hook: a [`Connector`] with the host of one connection.
pub struct HostConnector {
    connector: Connector,
    host: String,
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type TlsConnect = HostConnector;
    type Error = TlsError;

    fn make_tls_connect(&mut self, host: &str) -> Result<HostConnector, TlsError> {
        Ok(HostConnector { connector: self.clone(), host: host.to_owned() })
    }
}

impl<S> TlsConnect<S> for HostConnector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = TlsStream<S>;
    type Error = TlsError;
    type Future = Pin<Box<dyn Future<Output = Result<TlsStream<S>, TlsError>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.handshake(&self.host, stream).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content).expect("it can be written");
        file
    }

    #[test]
    fn a_key_file_that_is_broken_is_named_and_not_quoted() {
        let broken = file("-----BEGIN PRIVATE KEY\nc2VjcmV0\n");
        let error = PrivateKeyDer::from_pem_file(broken.path()).expect_err("no key in it");
        let text = format!("{0} {0:?}", unusable(broken.path(), &error));
        assert!(text.contains(&broken.path().display().to_string()), "{text}");
        assert!(!text.contains("c2VjcmV0") && !text.contains("BEGIN"), "{text}");
    }

    #[test]
    fn a_root_file_without_a_certificate_is_refused() {
        let empty = file("nothing\n");
        let error = Connector::read(Some(empty.path()), None).expect_err("no certificate in it");
        assert!(error.to_string().ends_with("no PEM section of the right kind in it"), "{error}");
        let missing =
            Connector::read(Some(Path::new("/nonexistent/ca.pem")), None).expect_err("no such file");
        assert!(missing.to_string().starts_with("/nonexistent/ca.pem: No such file"), "{missing}");
    }

    #[tokio::test]
    async fn a_host_that_no_certificate_can_name_is_refused() {
        let connector = Connector(Arc::new(
            ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the provider has protocol versions")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth(),
        ));
        let (stream, _other_end) = tokio::io::duplex(64);
        let error = connector.handshake("not a host", stream).await.err().expect("refused");
        assert_eq!(error.to_string(), "`not a host` is neither a host name nor an IP address");
    }
}

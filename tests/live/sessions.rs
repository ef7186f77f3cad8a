//! Sessions and the replication connection against a real server: who is let in, who is refused and why, and a stream
//! that is read and confirmed.

use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use acequia::config::{ClientCertificate, Database as Place, RestingSlot, SecretSource, Spot, Tls};
use acequia::fault::Fault;
use acequia::lsn::Lsn;
use acequia::name::{DatabaseName, Ident};
use acequia::postgres::socket::Socket;
use acequia::postgres::{self, Error, Kind};
use acequia::source::duplex::ReplicationStream;
use acequia::source::frame::Frame;
use acequia::source::wire::ReplicationConnection;
use secrecy::SecretString;
use tokio::time::timeout;

use super::support::{Cluster, Database, LIMIT};

/// A server with TLS, its certificates, and roles that must prove themselves in different ways.
struct Server {
    cluster: Cluster,
    certificates: tempfile::TempDir,
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn openssl(directory: &Path, arguments: &str) {
    run(Command::new("openssl").current_dir(directory).args(arguments.split_whitespace()));
}

/// Authorities `ca` and `other`, a certificate `server` for localhost, `client` for the role `certified`.
fn certify(directory: &Path, key: &str, digest: &str) {
    for name in ["ca", "other"] {
        openssl(
            directory,
            &format!(
                "req -x509 -newkey {key} -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
            ),
        );
    }
    for (name, subject, extension) in [
        ("server", "/CN=server", "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n"),
        ("client", "/CN=certified", "basicConstraints=CA:FALSE\n"),
        ("double", "/CN=double", "basicConstraints=CA:FALSE\n"),
    ] {
        fs::write(directory.join(format!("{name}.ext")), extension).expect("it can be written");
        openssl(
            directory,
            &format!("req -newkey {key} -nodes -subj {subject} -keyout {name}.key -out {name}.csr"),
        );
        openssl(
            directory,
            &format!(
                "x509 -req {digest} -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.crt"
            ),
        );
    }
}

const HBA: &str = "local all all trust
hostssl all certified all cert
hostssl all double all scram-sha-256 clientcert=verify-full
hostssl all all all scram-sha-256
hostnossl all old all md5
hostnossl all clear all password
";

const ROLES: &str = "CREATE ROLE cdc LOGIN REPLICATION PASSWORD 'right'; CREATE ROLE certified LOGIN REPLICATION; \
    CREATE ROLE double LOGIN REPLICATION PASSWORD 'right'; \
    CREATE ROLE clear LOGIN REPLICATION PASSWORD 'right'; CREATE ROLE idle LOGIN REPLICATION; SET password_encryption = md5; \
    CREATE ROLE old LOGIN REPLICATION PASSWORD 'right'; \
    ALTER ROLE cdc SET DateStyle = German; ALTER ROLE cdc SET bytea_output = escape; ALTER ROLE cdc SET TimeZone = 'Asia/Tokyo'; \
    ALTER ROLE cdc SET search_path = 'odd one'; ALTER ROLE cdc SET synchronous_commit = off; \
    ALTER ROLE cdc SET statement_timeout = '1ms'; ALTER ROLE idle SET wal_sender_timeout = '3s'";

impl Server {
    /// The one that most tests share.
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("rsa:2048", "-sha256", |_| {}))
    }

    /// `prepare` may change the certificates before the server gets them.
    fn start(key: &str, digest: &str, prepare: impl FnOnce(&Path)) -> Self {
        let certificates = tempfile::tempdir().expect("a temporary directory");
        certify(certificates.path(), key, digest);
        prepare(certificates.path());
        let cluster = Cluster::start(&["listen_addresses=127.0.0.1"]);
        let database = cluster.database();
        for file in ["ca.crt", "server.crt", "server.key"] {
            let text = fs::read_to_string(certificates.path().join(file)).expect("it can be read");
            place(&database, file, &text);
        }
        place(&database, "pg_hba.conf", HBA);
        for setting in ["ssl = on", "ssl_ca_file = 'ca.crt'"] {
            database.execute(&format!("ALTER SYSTEM SET {setting}"));
        }
        database.execute(ROLES);
        drop(database);
        // A reload would come at some time; a start is when it is.
        cluster.stop();
        cluster.restart();
        Self { cluster, certificates }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }

    fn place(&self, host: &str, user: &str, password: Option<&str>, tls: Tls) -> Place {
        Place {
            name: DatabaseName::new("main").expect("a name"),
            host: host.to_owned(),
            port: self.cluster.port(),
            dbname: "postgres".to_owned(),
            user: user.to_owned(),
            password: password.map(|text| SecretSource::Inline(SecretString::from(text))),
            tls,
            max_retained_wal_bytes: None,
            failover: true,
            resting_slot: RestingSlot::Advance,
            spot: Spot { file: 0, start: 0, end: 0 },
        }
    }

    fn local(&self, user: &str) -> Place {
        self.place(&self.cluster.socket().display().to_string(), user, None, Tls::Socket)
    }

    /// The same in a database of the test's own.
    fn local_in(&self, database: &Database, user: &str) -> Place {
        Place { dbname: database.name().to_owned(), ..self.local(user) }
    }

    fn verified(&self, root: &str) -> Tls {
        Tls::VerifyFull { root_certificates: Some(self.file(root)), client: None }
    }
}

/// Writes a file into the server's data directory, as the server's user and for nobody else: a key must be so.
fn place(database: &Database, file: &str, text: &str) {
    let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
    let lines = lines.join(", ");
    database.execute(&format!("COPY (VALUES {lines}) TO PROGRAM 'umask 077; rm -f {file}; cat >{file}'"));
}

/// Runs a test that talks to the server by the crate's own sessions.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

/// Both ways of connecting, which must agree.
async fn both(database: &Place) -> [Result<(), Error>; 2] {
    let session = postgres::open(database, "acequia test").await.map(|_| ());
    let wire = ReplicationConnection::connect(database, "acequia test").await.map(|_| ());
    [session, wire]
}

async fn admitted(database: &Place) {
    for result in both(database).await {
        result.expect("let in");
    }
}

async fn refused(database: &Place) -> [Error; 2] {
    both(database).await.map(|result| result.expect_err("refused"))
}

fn sqlstate(error: &Error) -> String {
    error.sqlstate().map(|state| state.to_string()).unwrap_or_default()
}

#[test]
fn a_socket_lets_in_whom_the_server_trusts() {
    let server = Server::shared();
    block_on(async {
        admitted(&server.local("cdc")).await;
        for error in refused(&server.local("nobody")).await {
            assert_eq!((sqlstate(&error).as_str(), error.fault()), ("28000", Fault::Retry), "{error}");
        }
        let mut other = server.local("cdc");
        other.dbname = "elsewhere".to_owned();
        for error in refused(&other).await {
            assert_eq!((sqlstate(&error).as_str(), error.fault()), ("3D000", Fault::Retry), "{error}");
        }
    });
}

#[test]
fn a_verified_server_hears_a_password_that_is_bound_to_its_certificate() {
    let curve = Server::start("ec -pkeyopt ec_paramgen_curve:P-384", "-sha384", |_| {});
    block_on(async {
        for (server, bytes) in [(Server::shared(), 32), (&curve, 48)] {
            let with = |password| server.place("localhost", "cdc", password, server.verified("ca.crt"));
            admitted(&with(Some("right"))).await;
            let socket = Socket::connect(&with(Some("right"))).await.expect("connected");
            // A server that knows another hash of its certificate would have refused the password.
            assert_eq!(socket.server_end_point().map(|hash| hash.len()), Some(bytes));
            for error in refused(&with(Some("wrong"))).await {
                assert_eq!((sqlstate(&error).as_str(), error.fault()), ("28P01", Fault::Retry), "{error}");
                assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
            }
            for error in refused(&with(None)).await {
                assert!(matches!(error.kind(), Kind::Authentication(_)), "{error}");
            }
            let mut elsewhere = with(None);
            elsewhere.password = Some(SecretSource::File(server.file("missing")));
            for error in refused(&elsewhere).await {
                assert!(matches!(error.kind(), Kind::Secret(_)), "{error}");
            }
        }
    });
}

#[test]
fn a_server_that_cannot_prove_its_name_is_refused() {
    let server = Server::shared();
    block_on(async {
        for (host, root, words) in [
            ("127.0.0.1", "ca.crt", "not valid for name"),
            ("127.0.0.1", "ca.crt", "subjectAltName"),
            ("localhost", "other.crt", "`sslrootcert` must hold"),
            ("localhost", "client.key", "no PEM section of the right kind"),
            ("localhost", "missing.crt", "No such file"),
        ] {
            for error in refused(&server.place(host, "cdc", Some("right"), server.verified(root))).await {
                assert!(matches!(error.kind(), Kind::Tls(_)), "{error}");
                assert!(error.to_string().contains(words), "{error}");
            }
        }
        for error in refused(&server.place("localhost", "cdc", Some("right"), Tls::Socket)).await {
            assert!(matches!(error.kind(), Kind::Tls(_)), "{error}");
        }
    });
}

#[test]
fn an_authority_that_serves_itself_is_refused_with_the_reason() {
    let server = Server::start("rsa:2048 -addext subjectAltName=DNS:localhost", "-sha256", |root| {
        for end in ["crt", "key"] {
            fs::copy(root.join(format!("ca.{end}")), root.join(format!("server.{end}"))).expect("copied");
        }
    });
    let place = server.place("localhost", "cdc", Some("right"), server.verified("ca.crt"));
    for error in block_on(refused(&place)) {
        assert!(error.to_string().contains("CA:TRUE"), "{error}");
    }
}

#[test]
fn a_client_certificate_is_shown_where_the_server_asks_for_it() {
    let server = Server::shared();
    block_on(async {
        let with = |name: &str| Tls::VerifyFull {
            root_certificates: Some(server.file("ca.crt")),
            client: Some(ClientCertificate {
                certificate: server.file(&format!("{name}.crt")),
                key: server.file(&format!("{name}.key")),
            }),
        };
        admitted(&server.place("localhost", "certified", None, with("client"))).await;
        for error in refused(&server.place("localhost", "certified", None, server.verified("ca.crt"))).await {
            assert_eq!(sqlstate(&error), "28000", "{error}");
        }
        for error in refused(&server.place("localhost", "certified", None, with("other"))).await {
            assert!(matches!(error.kind(), Kind::Tls(_) | Kind::Closed | Kind::Io(_)), "{error}");
            assert_eq!(error.fault(), Fault::Retry);
        }
    });
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    let server = Server::shared();
    let open = server.file("open.key");
    fs::copy(server.file("client.key"), &open).expect("copied");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("its permissions");
    let tls = Tls::VerifyFull {
        root_certificates: Some(server.file("ca.crt")),
        client: Some(ClientCertificate { certificate: server.file("client.crt"), key: open.clone() }),
    };
    for error in block_on(refused(&server.place("localhost", "certified", None, tls))) {
        assert!(matches!(error.kind(), Kind::Tls(_)), "{error}");
        assert!(error.to_string().contains(&format!("chmod 600 {}", open.display())), "{error}");
    }
}

/// `clientcert=verify-full`: the certificate must be the role's own, and the password is asked for as well.
#[test]
fn a_password_and_the_roles_own_certificate_can_both_be_asked_for() {
    let server = Server::shared();
    let with = |name: &str| Tls::VerifyFull {
        root_certificates: Some(server.file("ca.crt")),
        client: Some(ClientCertificate {
            certificate: server.file(&format!("{name}.crt")),
            key: server.file(&format!("{name}.key")),
        }),
    };
    block_on(async {
        admitted(&server.place("localhost", "double", Some("right"), with("double"))).await;
        for (password, tls, state) in [
            (Some("wrong"), with("double"), "28P01"),
            (Some("right"), with("client"), "28P01"),
            (Some("right"), server.verified("ca.crt"), "28000"),
        ] {
            for error in refused(&server.place("localhost", "double", password, tls)).await {
                assert_eq!((sqlstate(&error).as_str(), error.fault()), (state, Fault::Retry), "{error}");
            }
        }
    });
}

#[test]
fn an_expired_certificate_of_the_server_says_so_and_what_to_do() {
    let server = Server::start("rsa:2048", "-sha256", |root| {
        openssl(
            root,
            "x509 -req -sha256 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days -1 -extfile server.ext -out server.crt",
        );
    });
    let place = server.place("localhost", "cdc", Some("right"), server.verified("ca.crt"));
    for error in block_on(refused(&place)) {
        let text = error.to_string();
        assert!(text.contains("has expired") && text.contains("ssl_cert_file"), "{text}");
        assert_eq!(error.fault(), Fault::Retry, "a new one may be there at the next try");
    }
}

#[test]
fn without_tls_the_replication_connection_never_says_a_password_in_clear_text() {
    let server = Server::shared();
    block_on(async {
        admitted(&server.place("localhost", "old", Some("right"), Tls::Off)).await;
        let clear = server.place("localhost", "clear", Some("right"), Tls::Off);
        let error = ReplicationConnection::connect(&clear, "acequia test").await.err().expect("refused");
        assert!(error.to_string().contains("clear text"), "{error}");
    });
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let server = Server::shared();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut nobody = server.place("localhost", "cdc", Some("right"), server.verified("ca.crt"));
    nobody.port = free.port();
    for error in block_on(refused(&nobody)) {
        assert!(matches!(error.kind(), Kind::Connect(std::io::ErrorKind::ConnectionRefused, _)), "{error:?}");
        assert_eq!(error.fault(), Fault::Retry);
    }
    nobody.host = server.certificates.path().display().to_string();
    nobody.tls = Tls::Socket;
    for error in block_on(refused(&nobody)) {
        assert!(matches!(error.kind(), Kind::Connect(std::io::ErrorKind::NotFound, _)), "{error:?}");
    }
}

#[test]
fn the_pinned_settings_win_over_those_of_the_role() {
    let server = Server::shared();
    block_on(async {
        let database = server.local("cdc");
        let session = postgres::open(&database, "acequia test").await.expect("let in");
        let mut wire = ReplicationConnection::connect(&database, "acequia test").await.expect("let in");
        for (name, expected) in [
            ("DateStyle", "ISO, "),
            ("IntervalStyle", "postgres"),
            ("TimeZone", "UTC"),
            ("extra_float_digits", "1"),
            ("bytea_output", "hex"),
            ("lc_monetary", "C"),
            ("client_encoding", "UTF8"),
            ("search_path", "pg_catalog"),
            ("synchronous_commit", "on"),
            ("statement_timeout", "0"),
            ("lock_timeout", "10s"),
            ("application_name", "acequia test"),
        ] {
            let command = format!("SHOW {name}");
            let row = session.query_one(&command, &[]).await.expect("shown");
            let rows = wire.simple_query(&command).await.expect("shown");
            for value in [row.get::<_, String>(0), rows[0][0].clone().expect("not NULL")] {
                assert!(value.starts_with(expected), "{name}: {value}");
            }
        }
    });
}

#[test]
fn an_error_of_a_statement_has_names_and_no_values() {
    let server = Server::shared();
    let database = server.cluster.database();
    block_on(async {
        let session =
            postgres::open(&server.local_in(&database, "postgres"), "acequia test").await.expect("let in");
        session
        .batch_execute(
            "CREATE SCHEMA north; CREATE TABLE north.fee (code text PRIMARY KEY, amount int CHECK (amount > 0));
             INSERT INTO north.fee VALUES ('D0120', 1);
             CREATE ROLE writer; GRANT USAGE ON SCHEMA north TO writer; GRANT INSERT, SELECT ON north.fee TO writer;
             CREATE FUNCTION north.refuse() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN IF new.code = ''D9'' THEN RAISE EXCEPTION ''no % here'', new.code; END IF;
              IF new.code = ''D8'' THEN EXECUTE ''SELECT '' || new.code || '' FROM''; END IF; RETURN new; END';
             CREATE TRIGGER refuse BEFORE INSERT ON north.fee FOR EACH ROW EXECUTE FUNCTION north.refuse();
             ALTER TABLE north.fee ENABLE ROW LEVEL SECURITY;",
        )
        .await
        .expect("created");
        for (statement, sqlstate, fault, words) in [
            ("INSERT INTO north.fee VALUES ('D0120', 2)", "23505", Fault::Park, "constraint fee_pkey"),
            ("INSERT INTO north.fee VALUES ('D0121', -77)", "23514", Fault::Park, "table north.fee"),
            ("INSERT INTO north.fee VALUES ('D0121', 'D0120'::text::int)", "22P02", Fault::Park, "22P02"),
            ("INSERT INTO north.fee VALUES ('D9', 1)", "P0001", Fault::Park, "trigger"),
            ("INSERT INTO north.fee VALUES ('D8', 1)", "42601", Fault::Halt, "42601"),
            ("SELECT * FROM north.gone", "42P01", Fault::Halt, "\"north.gone\""),
            ("INSERT INTO north.fee VALUES ('D1', 1)", "42501", Fault::Park, "row-level security policy"),
            ("DELETE FROM north.fee", "42501", Fault::Halt, "permission denied for table fee"),
        ] {
            // Row-level security and missing privileges do not concern the owner.
            let role = if sqlstate == "42501" { "SET ROLE writer" } else { "RESET ROLE" };
            session.batch_execute(role).await.expect("the role exists");
            let error = session.batch_execute(statement).await.expect_err("refused");
            let error = Error::from_driver("writing", &error);
            assert_eq!(error.sqlstate().map(|s| s.to_string()).as_deref(), Some(sqlstate), "{error}");
            assert_eq!(error.fault(), fault, "{error}");
            let text = format!("{error} {error:?}");
            let known = words.split(' ').all(|word| text.contains(word.trim_matches('"')));
            assert!(known, "{text}");
            for value in ["D0120", "D0121", "-77", "D9", "D8"] {
                assert!(!text.contains(value), "{text}");
            }
        }
        let error = session.query_one("SELECT 1::int4", &[]).await.expect("a row").try_get::<_, String>(0);
        let error = Error::from_driver("reading", &error.expect_err("another type"));
        assert_eq!((error.fault(), matches!(error.kind(), Kind::Driver(_))), (Fault::Halt, true), "{error}");
    });
}

#[test]
fn the_end_of_a_session_is_noticed() {
    let server = Server::shared();
    block_on(async {
        let session = postgres::open(&server.local("cdc"), "acequia victim").await.expect("let in");
        assert!(timeout(Duration::from_millis(50), session.closed()).await.is_err(), "it is open");
        let admin = postgres::open(&server.local("postgres"), "acequia admin").await.expect("let in");
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'acequia victim'";
        admin.batch_execute(sql).await.expect("ended");
        timeout(LIMIT, session.closed()).await.expect("noticed");
        let error = session.simple_query("SELECT 1").await.expect_err("it is gone");
        assert_eq!(Error::from_driver("asking", &error).fault(), Fault::Retry);
    });
}

/// A stream of the publication `odd "name's"` on `public.t`, in a database of the test's own.
struct Tape {
    admin: postgres::Session,
    stream: ReplicationStream,
    point: Lsn,
    slot: Ident,
    publication: Ident,
}

impl Tape {
    async fn start(server: &Server, database: &Database, reader: Place) -> Self {
        let admin = server.local_in(database, "postgres");
        let admin = postgres::open(&admin, "acequia admin").await.expect("let in");
        let sql = "CREATE TABLE public.t (id int PRIMARY KEY, v text); \
                   CREATE PUBLICATION \"odd \"\"name's\" FOR TABLE public.t";
        admin.batch_execute(sql).await.expect("created");
        let reader = Place { dbname: database.name().to_owned(), ..reader };
        let mut wire = ReplicationConnection::connect(&reader, "acequia stream").await.expect("let in");
        let identity = wire.identify_system().await.expect("identified");
        assert_eq!((identity.timeline, identity.dbname.as_str()), (1, database.name()));
        assert!(identity.system_identifier.parse::<u64>().is_ok() && identity.wal_position > Lsn::ZERO);
        // Slots belong to the whole server.
        let slot = Ident::new(&format!("acequia_{}", database.name())).expect("a name");
        let point = wire.create_slot(&slot, None).await.expect("created");
        let again = wire.create_slot(&slot, None).await.expect_err("it exists");
        assert_eq!((sqlstate(&again).as_str(), again.fault()), ("42710", Fault::Halt), "{again}");
        let publication = Ident::new("odd \"name's").expect("a name");
        let stream = wire.start(&slot, &publication, point).await.expect("started");
        Self { admin, stream, point, slot, publication }
    }
}

/// Reads until a commit; the tags of the messages, and the end of WAL.
async fn transaction(stream: &mut ReplicationStream) -> (String, Lsn, usize) {
    let (mut tags, mut longest) = (String::new(), 0);
    loop {
        let frame = timeout(LIMIT, stream.reader.next()).await.expect("in time").expect("no error");
        if let Frame::WalData { data, end, .. } = frame {
            longest = longest.max(data.len());
            tags.push(char::from(data[0]));
            if data[0] == b'C' {
                return (tags, end, longest);
            }
        }
    }
}

#[test]
fn a_stream_is_read_and_confirmed_and_ends_in_good_order() {
    let server = Server::shared();
    let database = server.cluster.database();
    let reader = server.place("localhost", "cdc", Some("right"), server.verified("ca.crt"));
    block_on(async {
        let Tape { admin, mut stream, point, .. } = Tape::start(server, &database, reader).await;
        admin.batch_execute("INSERT INTO public.t VALUES (1, 'one'), (2, 'two')").await.expect("inserted");
        let (tags, end, _) = transaction(&mut stream).await;
        assert_eq!(tags, "BRIIC");
        assert!(end >= point);
        admin
        .batch_execute(
            "INSERT INTO public.t SELECT 3, string_agg(repeat(md5(g::text), 10), '') FROM generate_series(1, 20000) g;
             SELECT pg_logical_emit_message(true, 'acequia', 'beat')",
        )
        .await
        .expect("inserted");
        let (tags, end, longest) = transaction(&mut stream).await;
        assert_eq!((tags.as_str(), longest > 6_400_000), ("BIMC", true));

        stream.writer.send_status(end, end, end, true).await.expect("sent");
        let confirmed = "SELECT s.confirmed_flush_lsn::text, r.application_name FROM pg_replication_slots s
             JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.database = current_database()";
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let row = admin.query_one(confirmed, &[]).await.expect("the slot is in use");
            assert_eq!(row.get::<_, String>(1), "acequia stream");
            let seen: String = row.get(0);
            if seen == end.to_string() {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "confirmed {seen}, not {end}");
            // Keepalives come unasked too. All that comes is read, so that the server is never stuck.
            if let Ok(frame) = timeout(Duration::from_millis(20), stream.reader.next()).await {
                frame.expect("no error");
            }
        }

        stream.writer.finish().await.expect("sent");
        while timeout(LIMIT, stream.reader.next()).await.expect("in time").expect("no error") != Frame::Ended
        {
        }
    });
}

#[test]
fn an_idle_stream_lives_on_by_status_updates_past_the_servers_timeout() {
    let server = Server::shared();
    let database = server.cluster.database();
    block_on(async {
        let Tape { admin, mut stream, point, .. } =
            Tape::start(server, &database, server.local("idle")).await;
        // Longer than the server would wait for an answer, three times.
        let until = tokio::time::Instant::now() + Duration::from_secs(9);
        let mut asked = 0;
        while let Ok(frame) = tokio::time::timeout_at(until, stream.reader.next()).await {
            if let Frame::Keepalive { end, reply_requested, .. } = frame.expect("no error") {
                asked += u32::from(reply_requested);
                stream.writer.send_status(end, end, end, false).await.expect("sent");
            }
        }
        assert!(asked > 1, "the server asked {asked} times");
        admin.batch_execute("INSERT INTO public.t VALUES (1, 'one')").await.expect("inserted");
        let (tags, end, _) = transaction(&mut stream).await;
        assert_eq!((tags.as_str(), end > point), ("BRIC", true));
    });
}

#[test]
fn a_walsender_that_is_ended_and_a_server_that_stops_are_told_apart() {
    let server = Server::start("rsa:2048", "-sha256", |_| {});
    let database = server.cluster.database();
    block_on(async {
        let reader = server.local("cdc");
        let Tape { admin, mut stream, point, slot, publication } =
            Tape::start(&server, &database, reader).await;
        admin
            .batch_execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
            .await
            .expect("ended");
        let error = loop {
            match timeout(LIMIT, stream.reader.next()).await.expect("in time") {
                Ok(frame) => assert_ne!(frame, Frame::Ended),
                Err(error) => break error,
            }
        };
        assert_eq!((sqlstate(&error).as_str(), error.fault()), ("57P01", Fault::Retry), "{error}");

        let reader = server.local_in(&database, "cdc");
        let mut stream = loop {
            let wire = ReplicationConnection::connect(&reader, "acequia stream").await.expect("let in");
            match wire.start(&slot, &publication, point).await {
                Ok(stream) => break stream,
                Err(error) => assert_eq!(sqlstate(&error), "55006", "{error}"),
            }
        };
        let wire = ReplicationConnection::connect(&reader, "acequia stream").await.expect("let in");
        let error = wire.start(&slot, &publication, point).await.err().expect("the slot is in use");
        assert_eq!((sqlstate(&error).as_str(), error.fault()), ("55006", Fault::Retry), "{error}");

        stream.writer.send_status(point, point, point, false).await.expect("sent");
        let answer = async {
            while let Ok(frame) = stream.reader.next().await {
                match frame {
                    Frame::Ended => return true,
                    // It may be gone by now, and what it said last is still to be read.
                    Frame::Keepalive { end, .. } => _ = stream.writer.send_status(end, end, end, false).await,
                    Frame::WalData { .. } => {}
                }
            }
            false
        };
        let row = admin.query_one("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)", &[]).await;
        let line = format!("kill -INT {}", row.expect("the server's process").get::<_, &str>(0));
        run(Command::new("sh").args(["-c", &line]));
        assert!(timeout(LIMIT, answer).await.expect("in time"), "the server ends the stream in good order");
    });
}

#[test]
fn a_slot_that_is_missing_halts() {
    let server = Server::shared();
    block_on(async {
        let wire = ReplicationConnection::connect(&server.local("cdc"), "acequia").await.expect("let in");
        let name = Ident::new("missing").expect("a name");
        let error = wire.start(&name, &name, Lsn::ZERO).await.err().expect("refused");
        assert_eq!((sqlstate(&error).as_str(), error.fault()), ("42704", Fault::Halt), "{error}");
    });
}

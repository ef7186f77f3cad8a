//! Sessions with MariaDB and MySQL on a real server: who is let in, who is refused and why, and what a server that lies
//! gets.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acequia::config::Tls;
use acequia::fault::Fault;
use acequia::mysql::{self, Error, Flavour, Kind};
use bytes::Bytes;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder};

use super::support::{Mysql, Proxy, runtime};

const PASSWORD: &str = "zq7leak-password";

fn verified(authority: PathBuf) -> Tls {
    Tls::VerifyFull { root_certificates: Some(authority), client: None }
}

/// Opens a session and asks whether it is encrypted.
fn cipher(server: &acequia::config::Server) -> Result<String, Error> {
    runtime().block_on(async {
        let mut session = mysql::open(server).await?;
        let rows = session.ask("asking", "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await?;
        session.close().await;
        Ok(rows[0][1].clone().unwrap_or_default())
    })
}

#[test]
fn a_session_is_opened_by_socket_and_by_verified_tls() {
    let server = Mysql::shared();
    assert_eq!(cipher(&server.server()).expect("by the socket"), "");
    let secure = server.server_at("localhost", verified(server.authority()), PASSWORD);
    assert_ne!(cipher(&secure).expect("by TLS"), "");
    let plain = server.server_at("127.0.0.1", Tls::Off, PASSWORD);
    assert_eq!(cipher(&plain).expect("in plain text, since the file says so"), "");
    if let Some(real) = Mysql::real(&["--local-infile=ON"]) {
        let secure = real.server_at("localhost", verified(real.authority()), PASSWORD);
        assert_ne!(cipher(&secure).expect("MySQL by TLS"), "");
    }
}

#[test]
fn a_certificate_of_another_name_or_another_authority_is_refused() {
    let server = Mysql::shared();
    let other_name = server.server_at("127.0.0.1", verified(server.authority()), PASSWORD);
    let error = cipher(&other_name).expect_err("the certificate is for localhost");
    assert!(matches!(error.kind(), Kind::Tls(_)), "{error}");
    let strange = tempfile::tempdir().expect("a directory");
    let openssl = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout k.pem -out c.pem".split(' '))
        .current_dir(strange.path())
        .output();
    assert!(openssl.expect("openssl runs").status.success());
    let other_authority = server.server_at("localhost", verified(strange.path().join("c.pem")), PASSWORD);
    let error = cipher(&other_authority).expect_err("the authority is another");
    assert!(error.to_string().contains("no TLS session"), "{error}");
    assert_eq!(error.fault(), Fault::Retry);
    let system =
        server.server_at("localhost", Tls::VerifyFull { root_certificates: None, client: None }, PASSWORD);
    let error = cipher(&system).expect_err("no authority of the system's signed it");
    assert!(matches!(error.kind(), Kind::Tls(_)), "{error}");
}

/// Signs the server's request anew, good for so many days from now.
fn certify(directory: &Path, days: &str) {
    let arguments = "x509 -req -sha256 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -out server.pem";
    let openssl = Command::new("openssl")
        .args(arguments.split(' '))
        .args(["-days", days])
        .current_dir(directory)
        .output();
    let output = openssl.expect("openssl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_certificate_of_the_server_that_has_expired_is_refused_until_it_is_replaced() {
    let server = Mysql::start(&[]);
    let secure = server.server_at("localhost", verified(server.authority()), PASSWORD);
    cipher(&secure).expect("it is good");
    let authority = server.authority();
    let directory = authority.parent().expect("a directory");
    certify(directory, "-1");
    server.execute("FLUSH SSL");
    let error = cipher(&secure).expect_err("it has expired");
    assert!(matches!(error.kind(), Kind::Tls(_)) && error.to_string().contains("expired"), "{error}");
    assert_eq!(error.fault(), Fault::Retry);
    certify(directory, "2");
    server.execute("FLUSH SSL");
    cipher(&secure).expect("it is good again");
}

#[test]
fn a_wrong_password_and_a_server_that_is_not_there_are_told() {
    let server = Mysql::shared();
    let wrong = server.server_at("127.0.0.1", Tls::Off, "wrong-secret");
    let error = cipher(&wrong).expect_err("the password is wrong");
    assert_eq!(error.refusal().map(|refusal| refusal.errno), Some(1045));
    assert_eq!(error.fault(), Fault::Halt);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("wrong-secret") && !text.contains("acequia'@"), "{text}");
    let mut nowhere = server.server_at("127.0.0.1", Tls::Off, PASSWORD);
    nowhere.port = 1;
    let error = cipher(&nowhere).expect_err("nobody listens there");
    assert!(error.to_string().contains("Check that the server runs and listens there"), "{error}");
    assert_eq!(error.fault(), Fault::Retry);
}

#[test]
fn the_session_is_set_as_the_load_needs_it() {
    let rows = runtime().block_on(async {
        let mut session = mysql::open(&Mysql::shared().server()).await.expect("a session");
        assert_eq!(session.identity().flavour, Flavour::Mariadb);
        assert!(session.identity().local_infile);
        let asked = "SELECT @@time_zone, @@character_set_client, @@foreign_key_checks, @@net_read_timeout, \
                     @@sql_mode LIKE '%STRICT_ALL_TABLES%', @@lock_wait_timeout";
        session.ask("asking", asked).await.expect("an answer")
    });
    let row: Vec<&str> = rows[0].iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(row, ["+00:00", "utf8mb4", "0", "3600", "1", "10"]);
}

#[test]
fn a_load_takes_what_is_fed_and_a_feed_that_breaks_off_fails() {
    let server = Mysql::shared();
    server.execute("CREATE DATABASE snap_feed; CREATE TABLE snap_feed.t (a INT, b LONGTEXT)");
    let load = "LOAD DATA LOCAL INFILE 'acequia' INTO TABLE snap_feed.t CHARACTER SET utf8mb4";
    runtime().block_on(async {
        let mut session = mysql::open(&server.server()).await.expect("a session");
        let (feed, food) = mysql::feed();
        let bringing = async move {
            assert!(feed.send(Bytes::from_static(b"1\tone\n2\t")).await);
            assert!(feed.send(Bytes::from_static(b"two\n")).await && feed.finish().await);
        };
        let (answer, ()) = tokio::join!(session.load("loading", ("snap_feed", "t"), load, food), bringing);
        let answer = answer.expect("it is loaded");
        assert_eq!((answer.rows, answer.warnings), (2, 0));
        let (feed, food) = mysql::feed();
        let breaking_off = async move {
            assert!(feed.send(Bytes::from_static(b"3\tthree\n")).await);
            drop(feed);
        };
        let (answer, ()) =
            tokio::join!(session.load("loading", ("snap_feed", "t"), load, food), breaking_off);
        assert_eq!(answer.expect_err("it broke off").kind(), &Kind::Starved);
    });
}

#[test]
fn a_statement_that_takes_long_at_the_server_is_not_taken_for_a_dead_link() {
    let server = Mysql::shared().server();
    runtime().block_on(async {
        let mut session = mysql::open(&server).await.expect("a session");
        // Longer than a dead link is waited for.
        let slept = session.value("sleeping", "SELECT SLEEP(42)").await.expect("it is waited for");
        assert_eq!(slept.as_deref(), Some("0"));
    });
}

/// Sessions of the account at a server, until one has this number.
async fn session_numbered(server: &Mysql, number: u32) -> Conn {
    let options = OptsBuilder::default()
        .user(Some("acequia"))
        .pass(Some(PASSWORD))
        .prefer_socket(false)
        .socket(server.socket().to_str());
    loop {
        let conn = Conn::new(options.clone()).await.expect("the account comes in");
        if conn.id() == number {
            return conn;
        }
        assert!(conn.id() < number, "{} comes after {number}", conn.id());
        conn.disconnect().await.expect("it goes");
    }
}

#[test]
fn another_server_behind_the_same_address_is_not_asked_for_the_session_and_nobody_there_is_ended() {
    let (server, other) = (Mysql::shared(), Mysql::start(&[]));
    let proxy = Proxy::to(server.socket().to_owned());
    let mut place = server.server_at("127.0.0.1", Tls::Off, PASSWORD);
    place.port = proxy.port();
    // The other server has to come to the same number later.
    for _ in 0..30 {
        server.execute("DO 1");
    }
    runtime().block_on(async {
        let mut session = mysql::open(&place).await.expect("a session");
        let number = session.value("asking", "SELECT CONNECTION_ID()").await.expect("an answer");
        let number = number.and_then(|number| number.parse().ok()).expect("a number");
        proxy.lead_to(other.socket().to_owned());
        let mut stranger = session_numbered(&other, number).await;
        // Longer than a dead link is waited for.
        let slept = session.value("sleeping", "SELECT SLEEP(35)").await.expect("it is waited for");
        assert_eq!(slept.as_deref(), Some("0"));
        stranger.query_drop("DO 1").await.expect("it is still there");
    });
}

#[test]
fn a_question_that_nobody_has_waited_for_leaves_no_answer_to_the_next_one() {
    let server = Mysql::shared().server();
    runtime().block_on(async {
        let mut session = mysql::open(&server).await.expect("a session");
        let asking = session.value("sleeping", "SELECT SLEEP(5)");
        tokio::time::timeout(Duration::from_millis(300), asking).await.expect_err("it sleeps");
        let error = session.value("asking", "SELECT 1").await.expect_err("its answer would be the other's");
        assert_eq!(error.kind(), &Kind::Closed);
    });
}

/// Says what a MariaDB says before a password, takes the answer, says OK; then asks for a file at the first query.
fn rogue(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().expect("a client comes");
    let packet = |number: u8, body: &[u8]| {
        let length = u32::try_from(body.len()).expect("short").to_le_bytes();
        [&length[..3], &[number], body].concat()
    };
    let mut hello = b"\x0a8.4.0-rogue\0\x01\0\0\0abcdefgh\0".to_vec();
    hello.extend_from_slice(&[0xff, 0xf7, 0x2d, 0x02, 0x00, 0x0f, 0x80, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    hello.extend_from_slice(b"ijklmnopqrst\0mysql_native_password\0");
    stream.write_all(&packet(0, &hello)).expect("it listens");
    let mut buffer = [0; 4096];
    _ = stream.read(&mut buffer).expect("the log-in");
    stream.write_all(&packet(2, &[0, 0, 0, 2, 0, 0, 0])).expect("OK");
    _ = stream.read(&mut buffer).expect("the first query");
    stream.write_all(&packet(1, b"\xfb/etc/hostname")).expect("it asks for a file");
    let mut got = Vec::new();
    _ = stream.read_to_end(&mut got);
    got
}

#[test]
fn a_server_that_asks_for_a_file_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || rogue(&listener));
    let mut place = Mysql::shared().server_at("127.0.0.1", Tls::Off, PASSWORD);
    place.port = port;
    let error = cipher(&place).expect_err("it is no honest server");
    assert_eq!(error.kind(), &Kind::UnaskedFile, "{error}");
    let got = server.join().expect("the rogue ends");
    let hostname = std::fs::read("/etc/hostname").unwrap_or_default();
    assert!(hostname.is_empty() || !got.windows(hostname.len()).any(|window| window == hostname), "{got:?}");
    assert!(got.len() < 16, "no more than a goodbye: {} bytes", got.len());
}

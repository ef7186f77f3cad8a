//! Answers by HTTP, to who asks well and to who does not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use acequia::ops::{DaemonState, Http};
use serde_json::Value;

use super::made_up::{unwell, well};
use super::port::free_address;

const LIMIT: Duration = Duration::from_secs(30);

/// Answers about a state.
fn told(state: DaemonState) -> (Http, SocketAddr) {
    let address = free_address();
    let http = Http::start(Some(address));
    http.tell(Arc::new(state));
    (http, address)
}

/// Once somebody listens there.
fn connect(address: SocketAddr) -> TcpStream {
    let began = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_read_timeout(Some(LIMIT)).expect("a limit");
                return stream;
            }
            Err(error) => assert!(began.elapsed() < LIMIT, "nobody listens at {address}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Status and all that was answered.
fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, text)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (status, text) = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    (status, text.split_once("\r\n\r\n").expect("head and body").1.to_owned())
}

/// The metrics of a state, as Prometheus' older format has them.
pub(crate) fn metrics_of(state: DaemonState) -> String {
    let (_http, address) = told(state);
    get(address, "/metrics").1
}

#[test]
fn it_is_ready_when_all_is_well_and_says_so_check_by_check() {
    let (_http, address) = told(well());
    assert_eq!(get(address, "/livez"), (200, "alive\n".to_owned()));
    assert_eq!(get(address, "/readyz"), (200, "ready\n".to_owned()));
    let (status, text) = get(address, "/readyz?verbose");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("[+]flow practice:practice heartbeat ok: "), "{text}");
    assert!(text.contains("[+]daemon alive ok: ") && text.ends_with("\nready\n"), "{text}");
    let (status, text) = get(address, "/");
    assert!(status == 200 && text.contains("href=\"/metrics\""), "{status} {text}");
}

#[test]
fn what_fails_is_named_and_the_status_is_503() {
    let (_http, address) = told(unwell());
    assert_eq!(get(address, "/livez").0, 200);
    let (status, text) = get(address, "/readyz");
    assert!(status == 503 && text.starts_with("not ready: flow practice:practice "), "{status} {text}");
    assert!(text.contains(" more: /readyz?verbose)") && text.lines().count() == 1, "{text}");
    let (status, text) = get(address, "/readyz?verbose");
    assert!(status == 503 && text.ends_with("\nnot ready\n"), "{status} {text}");
    for line in ["[-]flow practice:practice heartbeat fail: ", "[!]daemon rules warn: ", "[-]snapshot night "]
    {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (status, text) = get(address, "/readyz?verbose&output=json");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &json["ready"], &json["level"]), (503, &Value::Bool(false), &Value::from("fail")));
    let checks = json["checks"].as_array().expect("checks");
    let heartbeat = checks.iter().find(|check| check["name"] == "heartbeat").expect("a heartbeat");
    assert_eq!(heartbeat["subject"]["flow"], "practice:practice");
    assert_eq!(heartbeat["level"], "fail");
}

#[test]
fn before_the_first_word_and_after_the_last_one_it_lives_and_is_not_ready() {
    let address = free_address();
    let http = Http::start(Some(address));
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, "/readyz"), (503, "not ready: starting\n".to_owned()));
    assert_eq!(get(address, "/readyz?verbose").0, 503);
    http.tell(Arc::new(well()));
    assert_eq!(get(address, "/readyz").0, 200);
    http.stop();
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, "/readyz"), (503, "not ready: stopping\n".to_owned()));
    assert!(get(address, "/metrics").1.contains("\nacequia_ready 0\n"));
}

#[test]
fn a_loop_that_hangs_is_told_of_though_it_tells_nothing() {
    let (_http, address) = told(well());
    let began = Instant::now();
    // Nobody tells anything from now on.
    while get(address, "/livez").0 == 200 {
        assert!(began.elapsed() < LIMIT, "it is alive for ever");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(began.elapsed() > Duration::from_secs(4), "it may be late by a second or two");
    assert!(get(address, "/livez").1.starts_with("hanging: the main loop beat last 5 s ago"));
    let (status, text) = get(address, "/readyz");
    assert!(status == 503 && text.contains("daemon alive"), "{status} {text}");
}

#[test]
fn only_what_is_there_is_answered_and_only_to_get_and_head() {
    let (_http, address) = told(well());
    for path in ["/metrics/", "/readyz/flow", "/etc/passwd", "/../x", "/%2e%2e/"] {
        assert_eq!(get(address, path).0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = format!("{method} /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(ask(address, &request).0, 405, "{method}");
    }
    let (status, text) = ask(address, "HEAD /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(status == 200 && text.ends_with("\r\n\r\n"), "no body: {text}");
    let (status, text) = ask(address, "GET /livez HTTP/1.0\r\n\r\n");
    assert!(status == 200 && text.ends_with("alive\n"), "{text}");
}

#[test]
fn who_asks_badly_or_slowly_keeps_nobody_from_an_answer() {
    let (_http, address) = told(well());
    assert_eq!(ask(address, &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000))).0, 431);
    let many = "X: x\r\n".repeat(100);
    assert_eq!(ask(address, &format!("GET / HTTP/1.1\r\n{many}\r\n")).0, 431);
    assert_eq!(ask(address, "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n").0, 400);
    // So many as are answered at once, and some more, say nothing.
    let silent: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    let began = Instant::now();
    assert_eq!(get(address, "/livez").0, 200);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn an_address_that_is_taken_is_tried_again_and_another_one_is_followed() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let http = Http::start(Some(address));
    http.tell(Arc::new(well()));
    // By the rules that were reloaded.
    let other = free_address();
    http.listen(Some(other));
    assert_eq!(get(other, "/readyz").0, 200);
    http.listen(Some(address));
    drop(taken);
    // By then nothing may have been told for so long that it is not ready.
    assert_eq!(get(address, "/").0, 200);
    http.listen(None);
    let began = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(began.elapsed() < LIMIT, "it goes on to listen");
    }
}

//! Health and metrics by HTTP, on a loopback address, for those who watch from outside.
//!
//! It runs on a thread and a runtime of its own, and stands on what was told last: a flow that is stuck, and a process whose
//! loop hangs, are told of and not waited for. A connection is good for one request and for a few seconds, and there are few
//! at once: who asks badly keeps nobody from work. Nothing is read but the head of a request, and nothing is changed by it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::gather::gather;
use super::own::Figures;
use super::probe::{self, Answer};
use super::scrape::{self, Form};
use super::seen::Seen;
use super::state::DaemonState;

/// So many are answered at once; others wait until one is done.
const CONNECTIONS_MAX: usize = 16;
/// The head of a request must be there within this.
const HEAD_LIMIT: Duration = Duration::from_secs(2);
/// A connection ends after this, whatever it does.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// The head of a request has so many bytes at most, and so many lines.
const HEAD_MAX_BYTES: usize = 8192;
const HEADERS_MAX: usize = 64;
/// An address that somebody else has is tried again after this.
const BIND_PAUSE: Duration = Duration::from_secs(10);
/// After a connection that could not be taken: there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers until it is dropped.
#[derive(Debug)]
pub struct Http {
    listen: watch::Sender<Option<SocketAddr>>,
    seen: watch::Sender<Option<Seen>>,
}

impl Http {
    /// Begins to answer at an address; at none, it only waits for one.
    pub fn start(listen: Option<SocketAddr>) -> Self {
        let (listen, address) = watch::channel(listen);
        let (seen, told) = watch::channel(None);
        let site = Site { seen: told, started_at: unix_seconds() };
        let thread = std::thread::Builder::new().name("acequia-http".to_owned());
        if let Err(error) = thread.spawn(move || run(address, site)) {
            tracing::error!(kind = %error.kind(), "no thread for health and metrics by HTTP; they are not told");
        }
        Self { listen, seen }
    }

    /// Answers at this address from now on.
    pub fn listen(&self, address: Option<SocketAddr>) {
        self.listen.send_if_modified(|known| std::mem::replace(known, address) != address);
    }

    /// What is answered from now on.
    pub fn tell(&self, state: Arc<DaemonState>) {
        self.seen.send_replace(Some(Seen::new(state)));
    }

    /// Nothing more is told: the process stops.
    pub fn stop(&self) {
        self.seen.send_modify(|seen| {
            if let Some(seen) = seen {
                seen.stopping = true;
            }
        });
    }
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What the answers stand on.
#[derive(Debug, Clone)]
struct Site {
    seen: watch::Receiver<Option<Seen>>,
    started_at: i64,
}

/// The thread.
fn run(address: watch::Receiver<Option<SocketAddr>>, site: Site) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(answer_where_told(address, site)),
        Err(error) => {
            tracing::error!(kind = %error.kind(), "no runtime for health and metrics by HTTP; they are not told");
        }
    }
}

async fn answer_where_told(mut address: watch::Receiver<Option<SocketAddr>>, site: Site) {
    let app = app(site);
    loop {
        let told = *address.borrow_and_update();
        let answering = async {
            match told {
                Some(told) => answer_at(told, &app).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = address.changed() => if changed.is_err() { return },
            () = answering => {}
        }
    }
}

fn app(site: Site) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .with_state(site)
}

/// Never ends.
async fn answer_at(address: SocketAddr, app: &Router) {
    let listener = bound(address).await;
    tracing::info!(%address, "health and metrics are told by HTTP");
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // It is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, app.clone());
                tokio::spawn(async move {
                    // Who asked is gone, or asked for nothing: that is theirs.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, connection).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Tries until the address is free; says once that it is not.
async fn bound(address: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if !told => {
                told = true;
                tracing::error!(
                    %address,
                    kind = %error.kind(),
                    "health and metrics can't be told by HTTP there: end who listens there (`ss -ltnp`), or change [daemon] listen. It is tried again every 10 seconds, and all else goes on"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_PAUSE).await;
    }
}

async fn connection(stream: TcpStream, app: Router) -> Result<(), hyper::Error> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await
}

const INDEX: &str = "<!doctype html><title>Acequia</title><h1>Acequia</h1><ul>\
<li><a href=\"/readyz?verbose\">/readyz?verbose</a> whether a row that is written now arrives in time, check by check; \
/readyz says it in one line, /readyz?output=json for programs\
<li><a href=\"/livez\">/livez</a> whether the process lives\
<li><a href=\"/metrics\">/metrics</a> for Prometheus</ul>\n";

async fn index() -> Html<&'static str> {
    Html(INDEX)
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "nothing is told here; / says what there is\n").into_response()
}

async fn livez(State(site): State<Site>) -> Response {
    respond(probe::alive(site.seen.borrow().as_ref()), "text/plain; charset=utf-8")
}

async fn readyz(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asks = |word: &str| query.split('&').any(|part| part == word);
    let seen = site.seen.borrow().clone();
    if asks("output=json") {
        return respond(probe::ready_as_json(seen.as_ref()), "application/json");
    }
    let verbose = asks("verbose") || asks("verbose=") || asks("verbose=true") || asks("verbose=1");
    let answer = if verbose { probe::ready_verbosely } else { probe::ready };
    respond(answer(seen.as_ref()), "text/plain; charset=utf-8")
}

async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = Form::accepted(accept);
    let seen = site.seen.borrow().clone();
    let samples = gather(seen.as_ref(), &Figures::read(), site.started_at);
    ([(header::CONTENT_TYPE, form.content_type())], scrape::text(samples, form)).into_response()
}

fn respond(answer: Answer, content_type: &'static str) -> Response {
    let status = if answer.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Health is of the moment.
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, answer.text).into_response()
}

//! As much of S3 as the service asks of it, over a folder's files held in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use finrag_engine::DataRoot;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::net::TcpListener;

type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// The bucket all tests use.
const BUCKET: &str = "filings";

/// A root on a store at `address`, whether or not anything listens there.
pub(crate) fn root(address: SocketAddr) -> DataRoot {
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .with_client_options(
            ClientOptions::new().with_allow_http(true).with_connect_timeout(Duration::from_secs(1)),
        )
        .with_retry(RetryConfig {
            max_retries: 0,
            retry_timeout: Duration::from_secs(1),
            backoff: BackoffConfig::default(),
        })
        .build()
        .expect("a client");
    DataRoot::with_store(Arc::new(store), "corpus".into(), format!("s3://{BUCKET}/corpus"))
}

/// Serves the files of `folder` below `corpus/` until the test ends.
pub(crate) async fn serve(listener: TcpListener, folder: &Path) -> Files {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_file() {
            let name = path.file_name().expect("name").to_string_lossy().into_owned();
            files.insert(format!("corpus/{name}"), std::fs::read(&path).expect("read").into());
        }
    }
    let files: Files = Arc::new(Mutex::new(files));
    let router = Router::new().fallback(answer).with_state(Arc::clone(&files));
    tokio::spawn(async move { axum::serve(listener, router).await });
    files
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &hex(&Sha256::digest(bytes))[..32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const DATE: &str = "Wed, 01 Jan 2025 00:00:00 GMT";

async fn answer(
    State(files): State<Files>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let key = path.strip_prefix(BUCKET).unwrap_or(&path).trim_start_matches('/').to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut files = files.lock().expect("lock");
    match parts.method {
        Method::GET if query.contains_key("list-type") => {
            list(&files, query.get("prefix").map_or("", String::as_str))
        }
        Method::GET | Method::HEAD => match files.get(&key) {
            None => {
                let body = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
                (StatusCode::NOT_FOUND, body).into_response()
            }
            Some(bytes) => {
                ([("etag", etag(bytes)), ("last-modified", DATE.to_owned())], bytes.clone()).into_response()
            }
        },
        Method::PUT if parts.headers.contains_key("if-none-match") && files.contains_key(&key) => {
            StatusCode::PRECONDITION_FAILED.into_response()
        }
        Method::PUT => {
            let tag = etag(&body);
            files.insert(key, body);
            [("etag", tag)].into_response()
        }
        Method::DELETE => {
            files.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn list(files: &BTreeMap<String, Bytes>, prefix: &str) -> Response {
    let mut xml = format!("<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated>");
    for (key, bytes) in files.iter().filter(|(key, _)| key.starts_with(prefix)) {
        xml.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            etag(bytes).replace('"', "&quot;"),
            bytes.len()
        ));
    }
    xml.push_str("</ListBucketResult>");
    ([("content-type", "application/xml")], xml).into_response()
}

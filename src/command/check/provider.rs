//! Is somebody there? The credentials are not tried: there is no call that is sure to cost nothing.

use super::Finding;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(key: &'static str, url: &str) -> Finding {
    let place = Url::parse(url).ok().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
    let Some((host, port)) = place else { return Finding::broken(key, "is no URL with a host", "") };
    let mend = "is the URL right, and the way to it open?";
    match timeout(PATIENCE, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(_)) => {
            Finding::fine(key, format!("{host} answers; the credentials are tried by the first call, because every call may cost"))
        }
        Ok(Err(error)) => Finding::broken(key, format!("{host}:{port} cannot be reached: {error}"), mend),
        Err(_) => Finding::broken(key, format!("{host}:{port} does not answer"), mend),
    }
}

//! Where the load goes: an http URL on this machine or another.
//!
//! Never resolves names while load runs.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// A base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    /// As the `host` header says it.
    pub host: String,
    /// Path in front of the API's own paths, without `/` at its end.
    pub prefix: String,
    pub url: String,
}

impl Target {
    /// Reads `http://HOST[:PORT][/PREFIX]`.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(format!("`{url}`: https is not spoken; put the load on plain http"));
            }
            _ => return Err(format!("`{url}` is not http://HOST[:PORT][/PREFIX]")),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains(['@', '?', '#']) || !is_visible(rest) {
            return Err(format!("`{url}` is not http://HOST[:PORT][/PREFIX]"));
        }
        if path.contains(['?', '#']) {
            return Err(format!("`{url}`: a base URL has no query"));
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let full = if has_port { host.to_owned() } else { format!("{host}:80") };
        let mut addresses = full.to_socket_addrs().map_err(|error| format!("`{host}`: {error}"))?;
        let address = addresses.next().ok_or(format!("`{host}` has no address"))?;
        let prefix = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Ok(Self { address, host: host.to_owned(), prefix, url: url.to_owned() })
    }

    /// Connects once, so that a wrong address is told before any load.
    pub fn reach(&self) -> Result<(), String> {
        match TcpStream::connect_timeout(&self.address, PATIENCE) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot reach {} ({}): {error}", self.url, self.address)),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_host_port_and_prefix() {
        for (url, address, prefix) in [
            ("http://127.0.0.1:8787", "127.0.0.1:8787", ""),
            ("http://127.0.0.1", "127.0.0.1:80", ""),
            ("http://127.0.0.1:1/", "127.0.0.1:1", ""),
            ("http://[::1]:8787/anthropic/", "[::1]:8787", "/anthropic"),
            ("http://[::1]/a/b", "[::1]:80", "/a/b"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.address, address.parse().unwrap(), "{url}");
            assert_eq!(target.prefix, prefix, "{url}");
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for url in [
            "",
            "127.0.0.1:8787",
            "ftp://127.0.0.1",
            "https://127.0.0.1",
            "http://",
            "http:///v1",
            "http://127.0.0.1:8787/?a=b",
            "http://127.0.0.1:99999",
            "http://a b/",
            "http://user@127.0.0.1/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}

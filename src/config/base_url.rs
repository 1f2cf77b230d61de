//! A provider's base URL taken apart. Never looks a name up and never repeats the URL in an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls_pki_types::DnsName;

use super::limits::BASE_URL_BYTES_MAX;
use super::snapshot::Origin;

/// What a base URL says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BaseUrl {
    /// No trailing `/`; empty if none.
    pub base_path: String,
    pub drops_v1: bool,
    pub origin: Origin,
}

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum BaseUrlError {
    Fragment,
    Host,
    Nowhere,
    Path,
    Port,
    Query,
    Scheme,
    TooLong,
    Userinfo,
}

impl BaseUrlError {
    /// What the URL must be, as the end of a sentence.
    pub fn message(self) -> &'static str {
        match self {
            Self::Fragment => "must not have a fragment (`#`)",
            Self::Host => "must name a host: a DNS name, an IPv4 address or an [IPv6] address",
            Self::Nowhere => "must not name an address that is no host's: 0.0.0.0, :: or multicast",
            Self::Path => "must have a path of plain segments, without `..` or special characters",
            Self::Port => "must have a port from 1 to 65535, or none",
            Self::Query => "must not have a query (`?`)",
            Self::Scheme => "must begin with `https://` or `http://`",
            Self::TooLong => "must be shorter",
            Self::Userinfo => "must not hold a user or password: keys belong into [[provider.key]]",
        }
    }
}

impl BaseUrl {
    /// Takes `scheme://host[:port][/path]` apart (RFC 3986, section 3, as far as we speak it).
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        if text.len() > BASE_URL_BYTES_MAX {
            return Err(BaseUrlError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::Userinfo);
        }
        let origin = origin(authority, tls)?;
        if origin.host.parse().is_ok_and(|address| !is_host(address)) {
            return Err(BaseUrlError::Nowhere);
        }
        let base_path = path.trim_end_matches('/').to_owned();
        if !is_path(&base_path) {
            return Err(BaseUrlError::Path);
        }
        let drops_v1 = base_path.ends_with("/v1");
        Ok(Self { base_path, drops_v1, origin })
    }
}

/// Whether a host can have this address. An unspecified one would lead back to this host, a
/// multicast one to nobody or to many; IPv4 inside IPv6 is what it is by itself.
pub fn is_host(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !address.is_unspecified() && !address.is_multicast()
}

fn origin(authority: &str, tls: bool) -> Result<Origin, BaseUrlError> {
    let (host, port, is_v6) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(BaseUrlError::Host)?;
        let port = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(':').ok_or(BaseUrlError::Host)?),
        };
        let address: Ipv6Addr = host.parse().map_err(|_| BaseUrlError::Host)?;
        (address.to_string(), port, true)
    } else {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        (named_host(host)?, port, false)
    };
    let default_port = if tls { 443 } else { 80 };
    let port = port.map_or(Ok(default_port), port_of)?;
    let name = if is_v6 { format!("[{host}]") } else { host.clone() };
    let authority = if port == default_port { name } else { format!("{name}:{port}") };
    Ok(Origin { authority, host, port, tls })
}

fn named_host(host: &str) -> Result<String, BaseUrlError> {
    // A last label of digits is an address or nothing (WHATWG URL, section 3.5): never a name
    // that some resolver might take for an address.
    let last = host.rsplit('.').next().unwrap_or(host);
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        let address: Ipv4Addr = host.parse().map_err(|_| BaseUrlError::Host)?;
        return Ok(address.to_string());
    }
    let host = host.to_ascii_lowercase();
    match DnsName::try_from(host.as_str()) {
        Ok(_) if !host.ends_with('.') => Ok(host),
        _ => Err(BaseUrlError::Host),
    }
}

fn port_of(digits: &str) -> Result<u16, BaseUrlError> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_number && *port > 0);
    port.ok_or(BaseUrlError::Port)
}

/// Segments of RFC 3986 `pchar`, none of which steps back or is empty.
fn is_path(path: &str) -> bool {
    let pchar = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte);
    path.split('/')
        .skip(1)
        .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(pchar))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_no_hosts_is_refused() {
        for host in ["0.0.0.0", "[::]", "[::ffff:0.0.0.0]", "224.0.0.1", "[ff02::1]"] {
            let parsed = BaseUrl::parse(&format!("http://{host}:8080/v1"));
            assert_eq!(parsed, Err(BaseUrlError::Nowhere), "{host}");
        }
        assert!(["127.0.0.1", "::1", "10.0.0.1"].iter().all(|ip| is_host(ip.parse().unwrap())));
    }

    #[test]
    fn takes_scheme_host_port_and_path_apart() {
        for (url, tls, host, port, authority, path, drops_v1) in [
            (
                "https://api.anthropic.com",
                true,
                "api.anthropic.com",
                443,
                "api.anthropic.com",
                "",
                false,
            ),
            (
                "HTTPS://API.Example.com/",
                true,
                "api.example.com",
                443,
                "api.example.com",
                "",
                false,
            ),
            ("http://localhost:8080/v1/", false, "localhost", 8080, "localhost:8080", "/v1", true),
            ("https://host:443/a/v1", true, "host", 443, "host", "/a/v1", true),
            ("http://host:443", false, "host", 443, "host:443", "", false),
            ("https://host/v1beta", true, "host", 443, "host", "/v1beta", false),
            ("https://[::1]:8443/x//", true, "::1", 8443, "[::1]:8443", "/x", false),
            ("http://[2001:DB8:0::1]", false, "2001:db8::1", 80, "[2001:db8::1]", "", false),
            ("http://127.0.0.1:9", false, "127.0.0.1", 9, "127.0.0.1:9", "", false),
            ("http://my_service:1", false, "my_service", 1, "my_service:1", "", false),
        ] {
            let parsed = BaseUrl::parse(url).unwrap();
            let origin =
                Origin { authority: authority.to_owned(), host: host.to_owned(), port, tls };
            assert_eq!(parsed, BaseUrl { base_path: path.to_owned(), drops_v1, origin }, "{url}");
        }
    }

    #[test]
    fn refuses_what_is_no_base_url() {
        for (url, error) in [
            ("", BaseUrlError::Scheme),
            ("api.anthropic.com", BaseUrlError::Scheme),
            ("ftp://host", BaseUrlError::Scheme),
            ("unix:///run/x", BaseUrlError::Scheme),
            ("https://", BaseUrlError::Host),
            ("https:///path", BaseUrlError::Host),
            ("https://a b", BaseUrlError::Host),
            ("https://a\r\nb", BaseUrlError::Host),
            ("https://bücher.example", BaseUrlError::Host),
            ("https://host.", BaseUrlError::Host),
            ("https://-host", BaseUrlError::Host),
            ("https://1.2.3", BaseUrlError::Host),
            ("https://127.1", BaseUrlError::Host),
            ("https://256.1.1.1", BaseUrlError::Host),
            ("https://[::1", BaseUrlError::Host),
            ("https://[fe80::1%25eth0]", BaseUrlError::Host),
            ("https://[::1]x", BaseUrlError::Host),
            ("https://::1", BaseUrlError::Host),
            ("https://host:", BaseUrlError::Port),
            ("https://host:0", BaseUrlError::Port),
            ("https://host:65536", BaseUrlError::Port),
            ("https://host:+80", BaseUrlError::Port),
            ("https://user:word@host", BaseUrlError::Userinfo),
            ("https://host?key=1", BaseUrlError::Query),
            ("https://host/v1?key=1", BaseUrlError::Query),
            ("https://host/#x", BaseUrlError::Fragment),
            ("https://host/a/../b", BaseUrlError::Path),
            ("https://host//a", BaseUrlError::Path),
            ("https://host/a b", BaseUrlError::Path),
            ("https://host/a\nb", BaseUrlError::Path),
            ("https://host/\\a", BaseUrlError::Path),
        ] {
            assert_eq!(BaseUrl::parse(url), Err(error), "{url}");
        }
        let long = format!("https://host/{}", "a".repeat(BASE_URL_BYTES_MAX));
        assert_eq!(BaseUrl::parse(&long), Err(BaseUrlError::TooLong));
    }
}

//! When a certificate expires, as the one reader of certificates that we have tells it: asked
//! whether it holds at the end of all time, it says until when it did. Never judges it otherwise.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

/// When the first of a chain expires, in seconds of Unix time; `None` when that cannot be read, or
/// is the last second that a certificate can name (RFC 5280 section 4.1.2.5: never).
pub fn expires(chain: &[CertificateDer<'_>]) -> Option<u64> {
    chain.iter().filter_map(expires_one).min()
}

fn expires_one(certificate: &CertificateDer<'_>) -> Option<u64> {
    // Whose roots does not matter: validity is looked at before who signed.
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let end = UnixTime::since_unix_epoch(Duration::from_secs(END_OF_9999));
    match verifier.verify_server_cert(certificate, &[], &name, &[], end) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(not_after.as_secs())
        }
        _ => None,
    }
}

/// 9999-12-31 23:59:59.
const END_OF_9999: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32, is_ca: bool) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(1990, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 2, 1);
        if is_ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn the_first_to_expire_of_a_chain_counts_whether_that_is_past_or_to_come() {
        let (leaf, authority) = (certificate(2040, false), certificate(2031, true));
        assert_eq!(expires(std::slice::from_ref(&leaf)), Some(2_211_667_200));
        assert_eq!(expires(&[leaf, authority]), Some(1_927_670_400));
        assert_eq!(expires(&[certificate(1999, false)]), Some(917_827_200));
    }

    #[test]
    fn what_is_no_certificate_expires_never() {
        assert_eq!(expires(&[CertificateDer::from(vec![0x30, 3, 1, 1, 0])]), None);
        assert_eq!(expires(&[]), None);
    }
}

//! PEM files: certificates and private keys out of them. Never judges whether one is any good.

use std::path::Path;

use rustls_pki_types::pem::{Error, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{disk, limits};

/// What a file holds, or why not, in words that go on from the setting's name.
pub(super) fn read<T>(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, &'static str>,
) -> Result<T, String> {
    let pem = disk::read(path, limits::FILE_BYTES_MAX)
        .map_err(|error| format!("cannot be read: {}", disk::why(&error)))?;
    parse(&pem).map_err(str::to_owned)
}

pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("must hold at least one certificate in PEM form"),
        Err(_) => Err("is not in PEM form"),
    }
}

pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound => "must hold a private key in PEM form, not encrypted",
        _ => "is not in PEM form",
    })
}

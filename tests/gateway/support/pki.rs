//! Certificate authorities and what they sign, as files.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::{Directory, Gateway, Mock, both};

/// A certificate and its key.
#[derive(Debug)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Files {
    /// The line that makes a gateway's listeners speak TLS with it.
    pub fn setting(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!("tls = {{ cert = \"{certificate}\", key = \"{key}\" }}\n")
    }
}

/// A certificate authority and what it signed, as files.
#[derive(Debug)]
pub struct Pki {
    pub directory: Directory,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        Self::called("Tide test authority")
    }

    pub fn called(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = Directory::new();
        directory.write("ca.pem", issuer.pem());
        Self { directory, issuer }
    }

    /// A mock with a certificate for these names, changed by `change`, signed by the authority.
    pub fn mock(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Mock {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.serve(&certificate.pem(), &key)
    }

    pub fn serve(&self, certificate: &str, key: &KeyPair) -> Mock {
        let certificate = self.directory.write("cert.pem", certificate);
        let key = self.directory.write("key.pem", key.serialize_pem());
        Mock::with_tls(&certificate, &key, trust_in(&[self]))
    }

    /// A certificate of the authority and its key, as files called so.
    pub fn files(&self, called: &str, change: impl FnOnce(&mut CertificateParams)) -> Files {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Files {
            certificate: self.directory.write(&format!("{called}.pem"), certificate.pem()),
            key: self.directory.write(&format!("{called}.key"), key.serialize_pem()),
        }
    }

    /// It, as all that is trusted.
    pub fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }

    /// A gateway in front of `url` that trusts the authority.
    pub fn trusting(&self, url: &str) -> Gateway {
        let ca = self.directory.path().join("ca.pem");
        let trust = format!("tls = {{ ca = \"{}\" }}\n", ca.display());
        let config = both(url).replace("base_url", &format!("{trust}base_url"));
        Gateway::start(&config)
    }

    pub fn good(&self) -> (Mock, Gateway) {
        let mock = self.mock(&["127.0.0.1", "localhost"], |_| {});
        let gateway = self.trusting(&mock.url());
        (mock, gateway)
    }
}

/// Settings of a client that trusts these and nobody else.
pub fn trust_in(authorities: &[&Pki]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for pki in authorities {
        roots.add(pki.issuer.der().clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

//! Whom we believe to be the LDAP server.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The authorities are no certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds no certificate that can be read")]
pub struct NoTls;

/// With these authorities alone; or with the public ones that are compiled in and the machine's own.
pub(super) fn client_config(authorities: Option<&str>) -> Result<Arc<ClientConfig>, NoTls> {
    let roots = match authorities {
        Some(pem) => given(pem)?,
        None => known(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|_| NoTls)?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}

fn given(pem: &str) -> Result<RootCertStore, NoTls> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| NoTls)?).map_err(|_| NoTls)?;
    }
    if roots.is_empty() { Err(NoTls) } else { Ok(roots) }
}

fn known() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_are_none_are_refused() {
        for text in ["", "ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(client_config(Some(text)).err(), Some(NoTls), "{text}");
        }
        assert!(client_config(None).is_ok());
    }
}

//! The connection to an LDAP server: made when first needed, kept, and made anew when it breaks.

use std::sync::Arc;
use std::time::Duration;

use ldap3::result::SearchResult;
use ldap3::{
    DerefAliases, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, ResultEntry, Scope, SearchOptions,
};
use rustls::ClientConfig;
use tokio::sync::Mutex;

use super::tls::{NoTls, client_config};
use super::{LdapSettings, Secret, Url};
use crate::directory::DirectoryError;

/// Result codes of RFC 4511, appendix A.
const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const NO_SUCH_OBJECT: u32 = 32;

/// The second tells that there are several.
const ENOUGH: i32 = 2;

#[derive(Debug)]
pub(super) struct Connection {
    url: Url,
    start_tls: bool,
    tls: Arc<ClientConfig>,
    bind_dn: String,
    password: Secret,
    timeout: Duration,
    open: Mutex<Option<ldap3::Ldap>>,
}

impl Connection {
    pub(super) fn new(settings: LdapSettings) -> Result<Self, NoTls> {
        let LdapSettings { url, start_tls, authorities, bind_dn, password, timeout, .. } = settings;
        let tls = client_config(authorities.as_deref())?;
        Ok(Self { url, start_tls, tls, bind_dn, password, timeout, open: Mutex::new(None) })
    }

    /// At most two entries.
    pub(super) async fn search(
        &self,
        (base, scope): (&str, Scope),
        filter: &str,
        attributes: Vec<String>,
    ) -> Result<Vec<ResultEntry>, DirectoryError> {
        let mut open = self.open.lock().await;
        let kept = open.take().filter(|kept| !kept.clone().is_closed());
        if let Some(mut kept) = kept {
            // The server may have hung up meanwhile: that is no answer yet.
            if let Ok(result) = self.ask(&mut kept, (base, scope), (filter, &attributes)).await {
                *open = Some(kept);
                return judged(result, scope);
            }
        }
        let mut made = self.connect().await.map_err(|error| broken(&error))?;
        let result = self.ask(&mut made, (base, scope), (filter, &attributes)).await;
        let result = result.map_err(|error| broken(&error))?;
        *open = Some(made);
        judged(result, scope)
    }

    async fn ask(
        &self,
        ldap: &mut ldap3::Ldap,
        (base, scope): (&str, Scope),
        (filter, attributes): (&str, &[String]),
    ) -> Result<SearchResult, LdapError> {
        let options = SearchOptions::new().deref(DerefAliases::Never).sizelimit(ENOUGH);
        ldap.with_timeout(self.timeout).with_search_options(options);
        ldap.search(base, scope, filter, attributes).await
    }

    async fn connect(&self) -> Result<ldap3::Ldap, LdapError> {
        let settings = LdapConnSettings::new()
            .set_conn_timeout(self.timeout)
            .set_starttls(self.start_tls)
            .set_config(Arc::clone(&self.tls));
        let (connection, mut ldap) = LdapConnAsync::from_url_with_settings(settings, &self.url).await?;
        // Ends with the last handle, or with the connection; whoever asks is told.
        tokio::spawn(async move { connection.drive().await });
        let bound =
            ldap.with_timeout(self.timeout).simple_bind(&self.bind_dn, self.password.expose()).await?;
        bound.success()?;
        Ok(ldap)
    }
}

/// What a result means. The server's own text is left out of the log: it may repeat what was asked.
fn judged(result: SearchResult, scope: Scope) -> Result<Vec<ResultEntry>, DirectoryError> {
    let SearchResult(entries, LdapResult { rc, matched, refs, .. }) = result;
    if rc == REFERRAL || !refs.is_empty() {
        tracing::error!("the directory refers to another server, which is not asked: narrow the base");
        return Err(DirectoryError::Unreachable);
    }
    match rc {
        SUCCESS => Ok(entries),
        SIZE_LIMIT_EXCEEDED if !entries.is_empty() => Err(DirectoryError::Ambiguous),
        // Nearest above the DN that was asked for, and named only to whom it is shown.
        NO_SUCH_OBJECT if scope == Scope::Base && !matched.is_empty() => Err(DirectoryError::NotFound),
        _ => {
            tracing::error!(code = rc, "the directory answers with an error: may the bind see the base?");
            Err(DirectoryError::Unreachable)
        }
    }
}

fn broken(error: &LdapError) -> DirectoryError {
    match error {
        LdapError::LdapResult { result } => {
            tracing::error!(code = result.rc, "the directory refuses us: are bind_dn and password right?");
        }
        LdapError::Io { source } => tracing::error!(cause = %source, "the directory does not answer"),
        LdapError::Rustls { source } => tracing::error!(cause = %source, "TLS with the directory failed"),
        LdapError::Timeout { .. } => tracing::error!("the directory does not answer in time"),
        _ => tracing::error!("the directory does not answer as LDAP is answered"),
    }
    DirectoryError::Unreachable
}

//! Whatever an LDAP or a SCIM service answers, it is an answer or an error, and never somebody who was not asked for.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use countersign::clock::AdjustableClock;
use countersign::directory::{
    Attributes, Directory, Freshness, Ldap, LdapSettings, Parts, Pin, Pinning, Pins, PinsUnavailable, Scim, ScimSettings,
};
use countersign::domain::ids::Email;
use countersign::secret::Secret;
use countersign::vendors::gitlab::GitLab;
use countersign::vendors::http::Transport;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ASKED: &str = "robin@example.com";

#[derive(Debug)]
struct Believed;

#[async_trait::async_trait]
impl Pins for Believed {
    async fn pin(&self, _: &Pin) -> Result<Pinning, PinsUnavailable> {
        Ok(Pinning::Holds)
    }
}

fn parts() -> Parts {
    let gitlab = Transport::in_process(Router::new().fallback(|| async { "[]" }));
    let address = "http://127.0.0.1/gitlab".parse().expect("an address");
    Parts {
        gitlab: GitLab::new(gitlab, address, Secret::new("token".to_owned())),
        pins: Arc::new(Believed),
        clock: AdjustableClock::frozen(jiff::Timestamp::UNIX_EPOCH),
        cache_for: jiff::SignedDuration::ZERO,
    }
}

async fn scim(answer: Vec<u8>) -> Directory {
    let service = Transport::in_process(Router::new().fallback(move || async move { answer }));
    let settings = ScimSettings {
        url: "http://127.0.0.1/scim".parse().expect("an address"),
        token: Secret::new("token".to_owned()),
        username: "userName".to_owned(),
        email: "emails.value".to_owned(),
    };
    Directory::Resolved(Scim::resolver(service, settings, parts()))
}

async fn ldap(answer: Vec<u8>) -> Directory {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 512];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    let name = |text: &str| text.to_owned();
    let attributes =
        Attributes { username: name("uid"), mail: name("mail"), manager: name("manager"), name: name("cn"), inactive: None };
    let settings = LdapSettings {
        url: format!("ldap://127.0.0.1:{port}").parse().expect("an address"),
        start_tls: false,
        authorities: None,
        bind_dn: "cn=reader".to_owned(),
        password: Secret::new("secret".to_owned()),
        base: "dc=example".to_owned(),
        attributes,
        timeout: Duration::from_millis(50),
    };
    Directory::Resolved(Ldap::resolver(settings, parts()).expect("no TLS is asked for"))
}

/// ldap3's own task panics on some answers (`30 00`); it ends and the caller gets an error, as a story shows. Any other
/// panic is ours.
fn look_past_ldap3() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains("/ldap3-")) {
            abort(panic);
        }
    }));
}

fuzz_target!(init: look_past_ldap3(), |input: &[u8]| {
    let Some((which, answer)) = input.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let answer = answer.to_vec();
        let directory = if which % 4 == 0 { ldap(answer).await } else { scim(answer).await };
        let asked = Email(ASKED.to_owned());
        if let Ok(found) = directory.person_by_email(&asked, Freshness::Now).await {
            assert_eq!(found.person.email, Some(asked), "only who was asked for is found");
        }
    });
});

//! Forms of values that several sections share: addresses, time spans, choices.
//!
//! Each function takes the text and gives the value or the rest of a sentence about the key. None
//! repeats the text: an address may carry a password.

use std::net::IpAddr;

use jiff::SignedDuration;
use url::{Host, Url};

/// An address to build requests on: https, or http to this very machine; nothing after the path.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not an address: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err("must begin with https:// (http:// is for this machine itself alone)".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not carry a user or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path: no `?` and no `#`".to_owned());
    }
    Ok(url)
}

/// Whether an address is this very machine's.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // The parser knows addresses in numbers for the web's schemes alone.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A time span above zero, like `5m` or `1h 30m`.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let span: SignedDuration =
        text.parse().map_err(|_| "is not a time span: write it like `5m` or `1h 30m`".to_owned())?;
    if span > SignedDuration::ZERO { Ok(span) } else { Err("must be longer than nothing".to_owned()) }
}

/// One of the words of `known`.
pub(super) fn choice<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<String> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("must be {}", words.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_or_this_machine() {
        for good in [
            "https://company.zendesk.com",
            "https://slack.com/api",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:1/x",
            "http://localhost:3000",
        ] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://gitlab.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::ffff:10.0.0.1]",
            "ftp://127.0.0.1",
            "gitlab.example.com",
            "https://",
            "https://me:secret@gitlab.example.com",
            "https://gitlab.example.com/?a=b",
            "https://gitlab.example.com/#a",
        ] {
            let message = url(bad).unwrap_err();
            assert!(!message.contains("example") && !message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_span_is_longer_than_nothing() {
        assert_eq!(span("5m"), Ok(SignedDuration::from_mins(5)));
        assert_eq!(span("1h 30m"), Ok(SignedDuration::from_mins(90)));
        for bad in ["0s", "-5m", "5", "soon", "1 month", ""] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}

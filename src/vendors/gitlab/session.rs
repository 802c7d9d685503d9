//! How the `gitlab` crate's endpoints travel over our transport.
//!
//! A [`Session`] is one call: it implements the crate's client traits, sees to it that the token goes to the
//! configured instance and nowhere else, turns every status but a success into our error before the crate sees
//! it, and remembers which page GitLab says is next. GitLab filters some lists after cutting them into pages, so
//! only `X-Next-Page` tells the end; an answer without that header is refused, as a label event that is not seen
//! could be the one that takes an approval back.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, AsyncQuery, Endpoint, QueryParams, RestClient, UrlBase};
use http::request::Builder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::endpoints::Repeatable;
use super::{GitLab, malformed};
use crate::planted::{self, Bug};
use crate::vendors::error::{VendorError, accepted, sent_at};
use crate::vendors::http::TransportError;
use crate::vendors::{Call, Vendor, address};

/// GitLab's largest page.
const PAGE_SIZE: u64 = 100;
/// Into so many smaller ones a page is cut that is more than an answer may be.
const CUT: u64 = 10;
/// A list that is longer is an error, never a beginning taken for the whole.
const LONGEST_LIST: u64 = 20_000;

/// What `X-Next-Page` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextPage {
    /// The header is missing or no number.
    Unsaid,
    /// It is empty: this was the last one.
    End,
    Number(u64),
    /// There is no page: the answer was larger than any we take.
    TooLarge,
}

/// What the headers of an answer say of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    next: NextPage,
    total: Option<u64>,
    at: Option<Timestamp>,
}

impl Said {
    const NOTHING: Self = Self { next: NextPage::Unsaid, total: None, at: None };

    fn by(headers: &HeaderMap) -> Self {
        let total = headers.get("x-total").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Self { next: next_page(headers), total, at: sent_at(headers) }
    }
}

struct Session<'a> {
    gitlab: &'a GitLab,
    operation: &'static str,
    repeatable: bool,
    said: Mutex<Said>,
}

/// A page of a list, as far as it was kept.
pub(super) struct PageOf<K> {
    pub(super) items: Vec<K>,
    /// Where the list goes on; none at its end.
    pub(super) next: Option<Place>,
    /// How many items GitLab says there are; it leaves that out of very long lists.
    pub(super) total: Option<u64>,
    /// GitLab's time.
    pub(super) at: Option<Timestamp>,
}

/// One page of a list.
struct Page<'a, E> {
    endpoint: &'a E,
    place: Place,
}

/// A place in a list: page `number`, the first being 1, of pages of `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) size: u64,
}

impl Place {
    const BEGINNING: Self = Self { number: 1, size: PAGE_SIZE };

    fn before(self) -> u64 {
        (self.number - 1) * self.size
    }

    /// The same place in smaller pages.
    fn smaller(self) -> Option<Self> {
        let size = self.size / CUT;
        (size > 0).then(|| Self { number: (self.number - 1) * CUT + 1, size })
    }

    /// The same place in the largest pages of which one begins there.
    fn largest(self) -> Self {
        if self.size < PAGE_SIZE && (self.number - 1).is_multiple_of(CUT) {
            return Self { number: (self.number - 1) / CUT + 1, size: self.size * CUT }.largest();
        }
        self
    }
}

/// An endpoint from a builder of the crate.
pub(super) fn built<E, F: std::fmt::Debug>(endpoint: Result<E, F>) -> E {
    endpoint.expect("the crate's builders fail only for a field that is not set, and callers set all of them")
}

impl GitLab {
    /// Calls and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned + 'static>(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
    ) -> Result<T, VendorError> {
        self.session(operation, endpoint).run(endpoint).await
    }

    /// The same, tried once.
    pub(super) async fn ask_once<T: DeserializeOwned + 'static>(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
    ) -> Result<T, VendorError> {
        Session { repeatable: false, ..self.session(operation, endpoint) }.run(endpoint).await
    }

    /// Calls and reads the answer's bytes as they are.
    pub(super) async fn ask_raw(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
    ) -> Result<Vec<u8>, VendorError> {
        self.session(operation, endpoint).run(&gitlab::api::raw(endpoint)).await
    }

    /// Calls; a success is all that matters. A page, of a proxy before GitLab or of its sign-in, is none.
    pub(super) async fn tell(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
    ) -> Result<(), VendorError> {
        let answer = self.ask_raw(operation, endpoint).await?;
        let is_gitlabs =
            answer.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(&answer).is_ok();
        if is_gitlabs { Ok(()) } else { Err(malformed()) }
    }

    /// Reads a list to its end.
    pub(super) async fn ask_all<T: DeserializeOwned + 'static>(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
    ) -> Result<Vec<T>, VendorError> {
        self.ask_all_for(operation, endpoint, Some).await
    }

    /// Reads a list to its end and keeps what `keep` makes of each item.
    ///
    /// Anybody can write texts of a megabyte, and they must not hide what else is in the list: a page that is too
    /// large is read in smaller ones. Nor are they kept: a list of them would be more than there is memory.
    pub(super) async fn ask_all_for<T: DeserializeOwned + 'static, K>(
        &self,
        operation: &'static str,
        endpoint: &(impl Endpoint + Sync),
        keep: impl Fn(T) -> Option<K> + Send + Sync,
    ) -> Result<Vec<K>, VendorError> {
        let mut found = Vec::new();
        let mut place = Place::BEGINNING;
        while place.before() < LONGEST_LIST {
            let page = self.ask_page(operation, (endpoint, place), &keep).await?;
            found.extend(page.items);
            match page.next {
                None => return Ok(found),
                Some(next) => place = next,
            }
        }
        tracing::warn!(operation, ?place, "GitLab's list is longer than any we read");
        Err(malformed())
    }

    /// Reads one page of a list, smaller than asked for where that would be too large.
    pub(super) async fn ask_page<T: DeserializeOwned + 'static, K>(
        &self,
        operation: &'static str,
        (endpoint, mut place): (&(impl Endpoint + Sync), Place),
        keep: impl Fn(T) -> Option<K> + Send + Sync,
    ) -> Result<PageOf<K>, VendorError> {
        loop {
            let session = self.session(operation, endpoint);
            let page: Result<Vec<T>, _> = session.run(&Page { endpoint, place }).await;
            let Said { next, total, at } = session.said();
            if let (NextPage::TooLarge, Some(smaller)) = (next, place.smaller()) {
                place = smaller;
                continue;
            }
            let page = page?;
            let short = u64::try_from(page.len()).unwrap_or(u64::MAX) < place.size;
            let items = page.into_iter().filter_map(&keep).collect();
            let next = match next {
                NextPage::End => None,
                _ if planted::is(Bug::ShortPages) && short => None,
                NextPage::Number(number) if number > place.number => {
                    Some(Place { number, ..place }.largest())
                }
                NextPage::Number(_) | NextPage::Unsaid | NextPage::TooLarge => {
                    tracing::warn!(operation, ?place, "GitLab's list has no readable end");
                    return Err(malformed());
                }
            };
            return Ok(PageOf { items, next, total, at });
        }
    }

    fn session(&self, operation: &'static str, endpoint: &impl Endpoint) -> Session<'_> {
        let repeatable = endpoint.method() == Method::GET || endpoint.is_a_question();
        Session { gitlab: self, operation, repeatable, said: Mutex::new(Said::NOTHING) }
    }

    /// What a `Link` header or a strange endpoint would bring: a call to any address.
    #[cfg(test)]
    pub(super) async fn elsewhere(&self, request: Builder) -> Result<Response<Bytes>, VendorError> {
        let said = Mutex::new(Said::NOTHING);
        Session { gitlab: self, operation: "test", repeatable: false, said }.send(request, Vec::new()).await
    }

    fn url(&self, path: &str) -> Result<Url, ApiError<VendorError>> {
        Ok(address(&self.base, path).parse()?)
    }

    /// Whether an address belongs to the configured instance.
    fn is_ours(&self, address: &Uri) -> bool {
        let Ok(base) = self.base.as_str().parse::<Uri>() else { return false };
        address.scheme() == base.scheme()
            && address.authority() == base.authority()
            && address.path().starts_with(base.path())
    }

    fn token_header(&self) -> Result<HeaderValue, VendorError> {
        let mut value = HeaderValue::from_str(self.token.expose())
            .map_err(|_| VendorError::refused_to_send(Vendor::GitLab, "the token is no header value"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Session<'_> {
    async fn run<T, E>(&self, endpoint: &E) -> Result<T, VendorError>
    where
        E: for<'s> AsyncQuery<T, Session<'s>>,
    {
        endpoint.query_async(self).await.map_err(ours)
    }

    fn said(&self) -> Said {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: Builder, body: Vec<u8>) -> Result<Response<Bytes>, VendorError> {
        let request = request
            .header("PRIVATE-TOKEN", self.gitlab.token_header()?)
            // A hook's signing token passes here.
            .body(Bytes::from_owner(Zeroizing::new(body)))
            .map_err(|_| VendorError::refused_to_send(Vendor::GitLab, "the request could not be built"))?;
        if !self.gitlab.is_ours(request.uri()) {
            return Err(VendorError::refused_to_send(Vendor::GitLab, "an address of another host"));
        }
        let outcome = self.transmit(request).await;
        if let Err(TransportError::TooLarge) = outcome {
            self.note(Said { next: NextPage::TooLarge, ..Said::NOTHING });
        }
        accepted(Vendor::GitLab, outcome)
    }

    fn note(&self, said: Said) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }

    async fn transmit(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let call = Call { vendor: Vendor::GitLab, operation: self.operation };
        if self.repeatable {
            self.gitlab.transport.send_repeatable(call, request).await
        } else {
            self.gitlab.transport.send(call, request).await
        }
    }
}

impl RestClient for Session<'_> {
    type Error = VendorError;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<VendorError>> {
        self.gitlab.url(&format!("api/v4/{endpoint}"))
    }

    fn instance_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<VendorError>> {
        self.gitlab.url(endpoint)
    }
}

#[async_trait]
impl AsyncClient for Session<'_> {
    async fn rest_async(
        &self,
        request: Builder,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, ApiError<VendorError>> {
        let answer = self.send(request, body).await.map_err(ApiError::client)?;
        self.note(Said::by(answer.headers()));
        Ok(answer)
    }
}

impl<E: Endpoint> Endpoint for Page<'_, E> {
    fn method(&self) -> Method {
        self.endpoint.method()
    }

    fn endpoint(&self) -> std::borrow::Cow<'static, str> {
        self.endpoint.endpoint()
    }

    fn url_base(&self) -> UrlBase {
        self.endpoint.url_base()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = self.endpoint.parameters();
        parameters.push("page", self.place.number).push("per_page", self.place.size);
        parameters
    }
}

fn next_page(headers: &HeaderMap) -> NextPage {
    match headers.get("x-next-page").map(|value| value.to_str().unwrap_or("?").trim()) {
        Some("") => NextPage::End,
        Some(number) => number.parse().map_or(NextPage::Unsaid, NextPage::Number),
        None => NextPage::Unsaid,
    }
}

/// Statuses were dealt with before the crate saw them, so what is left is an unreadable success.
fn ours(error: ApiError<VendorError>) -> VendorError {
    match error {
        ApiError::Client { source } => source,
        ApiError::UrlParse { .. } | ApiError::Body { .. } | ApiError::UnsupportedUrlBase { .. } => {
            VendorError::refused_to_send(Vendor::GitLab, "the request could not be built")
        }
        _ => malformed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_in_pages_of_every_size() {
        let third = Place { number: 3, size: 100 };
        let smaller = third.smaller().unwrap();
        assert_eq!(smaller, Place { number: 21, size: 10 });
        assert_eq!(smaller.smaller(), Some(Place { number: 201, size: 1 }));
        assert_eq!(Place { number: 1, size: 1 }.smaller(), None);
        for (place, largest) in [
            (Place { number: 201, size: 1 }, third),
            (Place { number: 211, size: 1 }, Place { number: 22, size: 10 }),
            (Place { number: 212, size: 1 }, Place { number: 212, size: 1 }),
            (Place { number: 31, size: 10 }, Place { number: 4, size: 100 }),
            (third, third),
        ] {
            assert_eq!(place.largest(), largest);
            assert_eq!(place.before(), largest.before());
        }
    }
}

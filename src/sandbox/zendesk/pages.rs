//! Pages of a hundred, by cursor or by number.
//!
//! `page[size]` or `page[after]` asks for cursors, anything else for numbered pages, which end at the hundredth. A
//! short page is not the last one: only `meta.has_more` and `next_page` say that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Desk, error};
use crate::sandbox::answer::{Answer, Reply};

/// The most that a page holds.
const LARGEST: usize = 100;
/// Numbered pages go no further.
const LAST_PAGE: usize = 100;

/// What there is to page: the member it stands under, and each item's id, already in order.
pub(crate) struct Listing<'a, T> {
    pub(crate) name: &'static str,
    pub(crate) items: Vec<&'a T>,
    pub(crate) id: fn(&T) -> u64,
    pub(crate) show: &'a dyn Fn(&T) -> Value,
}

/// How the call wants it.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Path and query, without the page.
    address: String,
    by_cursor: bool,
    size: usize,
    after: Option<u64>,
    page: usize,
}

impl Wish {
    /// Reads the call, before its account is borrowed.
    pub(crate) fn of(desk: &Desk<'_>, short: bool) -> Self {
        let call = desk.call;
        let cursor = call.value("page").and_then(Value::as_object);
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
        let asked = match cursor {
            Some(cursor) => cursor.get("size").and_then(Value::as_str).and_then(number),
            None => call.text("per_page").as_deref().and_then(number),
        };
        let size = asked.unwrap_or(LARGEST).min(LARGEST);
        let after = cursor.and_then(|cursor| cursor.get("after")).and_then(Value::as_str).and_then(decoded);
        let page = call.text("page").filter(|_| cursor.is_none()).as_deref().and_then(number).unwrap_or(1);
        let kept =
            form_urlencoded::parse(call.query.as_bytes()).filter(|(name, _)| !name.starts_with("page"));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        let address = format!("{}{}?{query}", desk.world.base_url, call.path);
        let size = if short { size.div_ceil(2) } else { size };
        Self { address, by_cursor: cursor.is_some(), size, after, page }
    }

    /// Cuts out the page.
    pub(crate) fn answer<T>(&self, listing: &Listing<'_, T>) -> Reply {
        if self.by_cursor { Ok(self.by_cursor(listing)) } else { self.by_number(listing) }
    }

    fn by_cursor<T>(&self, listing: &Listing<'_, T>) -> Answer {
        let ids: Vec<u64> = listing.items.iter().map(|item| (listing.id)(item)).collect();
        let falling = ids.first() > ids.last();
        let passed =
            |id: u64| self.after.is_some_and(|after| if falling { id >= after } else { id <= after });
        let rest: Vec<&&T> = listing.items.iter().filter(|item| !passed((listing.id)(item))).collect();
        let shown = &rest[..rest.len().min(self.size)];
        let has_more = rest.len() > shown.len();
        let cursor = shown.last().map(|last| URL_SAFE_NO_PAD.encode((listing.id)(last).to_string()));
        let next = cursor.as_ref().filter(|_| has_more);
        let next = next
            .map(|cursor| format!("{}&page%5Bafter%5D={cursor}&page%5Bsize%5D={}", self.address, self.size));
        let values: Vec<Value> = shown.iter().map(|item| (listing.show)(item)).collect();
        Answer::ok(&json!({
            listing.name: values, "meta": {"has_more": has_more, "after_cursor": cursor, "before_cursor": null},
            "links": {"next": next, "prev": null},
        }))
    }

    fn by_number<T>(&self, listing: &Listing<'_, T>) -> Reply {
        if self.page > LAST_PAGE {
            return Err(error(400, "Invalid request"));
        }
        let begins = (self.page - 1).saturating_mul(self.size);
        let values: Vec<Value> =
            listing.items.iter().skip(begins).take(self.size).map(|item| (listing.show)(item)).collect();
        let page = |page: usize| format!("{}&page={page}", self.address);
        let next = (begins + self.size < listing.items.len()).then(|| page(self.page + 1));
        let previous = (self.page > 1).then(|| page(self.page - 1));
        Ok(Answer::ok(&json!({
            listing.name: values, "next_page": next, "previous_page": previous, "count": listing.items.len(),
        })))
    }
}

fn decoded(cursor: &str) -> Option<u64> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.parse().ok()
}

//! Zendesk's pages, followed by what the answer says and never by how many items it holds.
//!
//! We ask for cursors. The next page is asked for by its cursor at our own address, so that no link in an answer can
//! lead our login elsewhere. A page that says neither that there is more nor that there is not is malformed: half a list
//! must never pass for the whole. Source: Zendesk, "Pagination".

use std::collections::HashSet;

use serde::Deserialize;
use url::form_urlencoded;

use super::malformed;
use crate::vendors::VendorError;

/// What Zendesk gives at most.
const SIZE: &str = "100";
/// More pages than this are no list but a loop.
const MOST_PAGES: usize = 10_000;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

/// Some of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In Zendesk's order.
    pub items: Vec<T>,
    /// `None`: this was the last one.
    pub next: Option<Cursor>,
}

/// What an answer says of its page.
#[derive(Deserialize)]
pub(super) struct Paging {
    meta: Option<Meta>,
    next_page: Option<String>,
    count: Option<u64>,
}

#[derive(Deserialize)]
struct Meta {
    has_more: bool,
    after_cursor: Option<String>,
}

impl Paging {
    /// The page with these items.
    pub(super) fn page<T>(self, items: Vec<T>) -> Result<Page<T>, VendorError> {
        let next = match self.meta {
            Some(Meta { has_more: true, after_cursor }) => Some(Cursor(after_cursor.ok_or_else(malformed)?)),
            Some(Meta { has_more: false, .. }) if self.next_page.is_none() => None,
            // Numbered pages, although cursors were asked for: whole only if it says so.
            None if self.next_page.is_none() && self.count == u64::try_from(items.len()).ok() => None,
            _ => return Err(malformed()),
        };
        Ok(Page { items, next })
    }
}

/// `path` with its query and the page asked for.
pub(super) fn address(path: &str, query: &[(&str, &str)], after: Option<&Cursor>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(query).append_pair("page[size]", SIZE);
    if let Some(Cursor(after)) = after {
        text.append_pair("page[after]", after);
    }
    format!("{path}?{}", text.finish())
}

/// A whole list in the making. A cursor that comes twice, or pages without end, are malformed.
pub(super) struct Gathered<T> {
    items: Vec<T>,
    seen: HashSet<Cursor>,
    next: Option<Cursor>,
    whole: bool,
}

impl<T> Gathered<T> {
    pub(super) fn none() -> Self {
        Self { items: Vec::new(), seen: HashSet::new(), next: None, whole: false }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Where to go on; `None`: at the beginning.
    pub(super) fn next(&self) -> Option<&Cursor> {
        self.next.as_ref()
    }

    pub(super) fn take(&mut self, page: Page<T>) -> Result<(), VendorError> {
        self.items.extend(page.items);
        if let Some(next) = &page.next
            && (!self.seen.insert(next.clone()) || self.seen.len() > MOST_PAGES)
        {
            return Err(malformed());
        }
        (self.whole, self.next) = (page.next.is_none(), page.next);
        Ok(())
    }

    pub(super) fn items(self) -> Vec<T> {
        self.items
    }
}

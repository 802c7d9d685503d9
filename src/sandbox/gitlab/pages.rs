//! Offset pages and their headers.
//!
//! Totals count what there is, not what is shown: some lists are filtered after they were cut into pages, so a
//! short page is not the last one.

use serde_json::Value;
use url::form_urlencoded;

use super::Desk;
use crate::sandbox::answer::Answer;

/// Cuts out the asked page and shows each item; what is shown as `None` is left out.
pub(crate) fn answer<T>(desk: &Desk<'_>, items: &[T], show: impl Fn(&T) -> Option<Value>) -> Answer {
    let per_page = positive(desk, "per_page").unwrap_or(20).min(100);
    let page = positive(desk, "page").unwrap_or(1);
    let pages = items.len().div_ceil(per_page).max(1);
    let shown: Vec<Value> =
        items.iter().skip((page - 1) * per_page).take(per_page).filter_map(show).collect();
    let next = (page < pages).then(|| page + 1);
    let previous = (page > 1).then(|| page - 1);
    let number = |page: Option<usize>| page.map_or(String::new(), |page| page.to_string());
    let mut links = vec![link(desk, "first", 1), link(desk, "last", pages)];
    links.extend(previous.map(|page| link(desk, "prev", page)));
    links.extend(next.map(|page| link(desk, "next", page)));
    Answer::ok(&Value::Array(shown))
        .with("x-page", page)
        .with("x-next-page", number(next))
        .with("x-prev-page", number(previous))
        .with("x-per-page", per_page)
        .with("x-total", items.len())
        .with("x-total-pages", pages)
        .with("link", links.join(", "))
}

fn positive(desk: &Desk<'_>, name: &str) -> Option<usize> {
    desk.call.number(name).and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0)
}

fn link(desk: &Desk<'_>, relation: &str, page: usize) -> String {
    let kept = form_urlencoded::parse(desk.call.query.as_bytes()).filter(|(name, _)| name != "page");
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("page", &page.to_string())
        .finish();
    format!("<{}{}?{query}>; rel=\"{relation}\"", desk.world.base_url, desk.call.path)
}

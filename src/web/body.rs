//! Reads a body as it comes: verifies all of it, keeps only what will be parsed.
//!
//! GitLab sends up to 25 MB; what is larger than 1 MB is verified and dropped, since its issue can be
//! found by a sweep and a megabyte of JSON is all that one request may cost. The whole reading has one
//! time limit, so that a sender who drips bytes holds nothing for long.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::signature::{Check, Unauthentic};
use super::webhook::Refusal;

/// How much of a body is read, kept, and in which time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes that are kept for parsing.
    pub(super) kept: usize,
    /// Bytes that are read at all.
    pub(super) read: usize,
    /// For everything.
    pub(super) time: Duration,
    /// How many bodies larger than usual are kept at a time, whoever sends them. One more is read and verified as well,
    /// and its issue found by a sweep.
    pub(super) larger: &'static Semaphore,
}

/// GitLab's own limit and time-out are 25 MB and 10 s. Source: GitLab, "GitLab.com settings", "Webhooks".
pub(super) const LIMITS: Limits =
    Limits { kept: 1024 * 1024, read: 25 * 1024 * 1024, time: Duration::from_secs(10), larger: &LARGER };

/// Bodies larger than this are few, since GitLab sends a whole issue only where somebody wrote that much.
const USUAL: usize = 64 * 1024;

/// With what is usual in all other connections, these larger ones are what a flood can cost.
static LARGER: Semaphore = Semaphore::const_new(24);

/// An authentic body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Kept whole.
    Whole(Bytes),
    /// More than is kept.
    TooLargeToParse,
}

/// Reads and verifies `body`.
pub(super) async fn receive(body: Body, check: Check, limits: Limits) -> Result<Received, Refusal> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limits.read) {
        return Err(Refusal::TooLarge);
    }
    let reading = read(body, check, limits);
    tokio::time::timeout(limits.time, reading).await.unwrap_or(Err(Unauthentic::Slow.into()))
}

async fn read(mut body: Body, mut check: Check, limits: Limits) -> Result<Received, Refusal> {
    let mut kept = Some(Kept::default());
    let mut larger = None;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unauthentic::Broken)?;
        let Ok(chunk) = frame.into_data() else { continue };
        length += chunk.len();
        if length > limits.read {
            return Err(Refusal::TooLarge);
        }
        check.update(&chunk);
        if length > USUAL && larger.is_none() {
            larger = limits.larger.try_acquire().ok();
        }
        if length > limits.kept || (length > USUAL && larger.is_none()) {
            kept = None;
        } else if let Some(kept) = &mut kept {
            kept.add(chunk);
        }
    }
    check.finish()?;
    Ok(kept.map_or(Received::TooLargeToParse, |kept| Received::Whole(kept.whole())))
}

/// Most bodies come in one piece, and that piece is not copied.
#[derive(Default)]
struct Kept {
    first: Bytes,
    joined: Vec<u8>,
}

impl Kept {
    fn add(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = chunk;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&chunk);
    }

    fn whole(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::{Full, combinators};

    use super::*;

    /// Gives its chunks one by one without saying how long it is, and then ends, breaks off or hangs.
    struct Dripping {
        chunks: VecDeque<Body>,
        end: End,
    }

    #[derive(Clone, Copy)]
    enum End {
        Proper,
        BrokenOff,
        Hanging,
    }

    type Frame = <combinators::Frame<'static, Body> as Future>::Output;

    impl HttpBody for Dripping {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Frame> {
            while let Some(chunk) = self.chunks.front_mut() {
                if let Poll::Ready(Some(frame)) = Pin::new(chunk).poll_frame(context) {
                    return Poll::Ready(Some(frame));
                }
                self.chunks.pop_front();
            }
            match self.end {
                End::Proper => Poll::Ready(None),
                End::BrokenOff => {
                    let error = io::Error::from(io::ErrorKind::ConnectionReset);
                    Poll::Ready(Some(Err(axum::Error::new(error))))
                }
                End::Hanging => Poll::Pending,
            }
        }
    }

    fn dripping(chunks: &[&'static str], end: End) -> Body {
        Body::new(Dripping { chunks: chunks.iter().map(|chunk| Body::from(*chunk)).collect(), end })
    }

    const SMALL: Limits = Limits { kept: 4, read: 8, time: Duration::from_hours(1), larger: &LARGER };

    #[tokio::test]
    async fn what_fits_is_kept_whole() {
        let body = dripping(&["ab", "", "cd"], End::Proper);
        assert_eq!(receive(body, Check::Token, SMALL).await, Ok(Received::Whole("abcd".into())));
    }

    #[tokio::test]
    async fn what_is_larger_is_read_but_not_kept() {
        let body = dripping(&["abc", "de", "f"], End::Proper);
        assert_eq!(receive(body, Check::Token, SMALL).await, Ok(Received::TooLargeToParse));
        let body = dripping(&["abcdefgh"], End::Proper);
        assert_eq!(receive(body, Check::Token, SMALL).await, Ok(Received::TooLargeToParse));
    }

    static TWO: Semaphore = Semaphore::const_new(2);

    #[tokio::test]
    async fn of_larger_bodies_only_so_many_are_kept_at_a_time() {
        let text = "x".repeat(USUAL + 1);
        let limits = Limits { kept: 2 * USUAL, read: 4 * USUAL, larger: &TWO, ..SMALL };
        let body = || Body::from(text.clone());
        assert!(matches!(receive(body(), Check::Token, limits).await, Ok(Received::Whole(_))));
        let all = TWO.acquire_many(2).await.unwrap();
        assert_eq!(receive(body(), Check::Token, limits).await, Ok(Received::TooLargeToParse));
        assert_eq!(
            receive(Body::from("usual"), Check::Token, limits).await,
            Ok(Received::Whole("usual".into()))
        );
        drop(all);
        assert!(matches!(receive(body(), Check::Token, limits).await, Ok(Received::Whole(_))));
    }

    #[tokio::test]
    async fn what_is_beyond_the_limit_is_refused_before_its_end() {
        let body = dripping(&["abcdefgh", "i"], End::Hanging);
        assert_eq!(receive(body, Check::Token, SMALL).await, Err(Refusal::TooLarge));
        let announced = Body::new(Full::new(Bytes::from_static(b"abcdefghi")));
        assert_eq!(receive(announced, Check::Token, SMALL).await, Err(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_unauthentic() {
        let broken = dripping(&["ab"], End::BrokenOff);
        assert_eq!(receive(broken, Check::Token, SMALL).await, Err(Unauthentic::Broken.into()));
        let hanging = dripping(&["ab"], End::Hanging);
        let limits = Limits { time: Duration::ZERO, ..SMALL };
        assert_eq!(receive(hanging, Check::Token, limits).await, Err(Unauthentic::Slow.into()));
    }
}

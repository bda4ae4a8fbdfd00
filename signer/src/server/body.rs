//! Bodies: what comes in is bounded in size and time, what goes out is followed to its end.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Limits, activity::Visit, exchange::RETRY, slots::Slot};
use crate::Refusal;

/// A request's body. What is wrong with it is noted where the server looks, whatever the application makes of the
/// error.
pub(super) struct Inbound {
    incoming: Incoming,
    left: usize,
    room: Arc<Slot>,
    deadline: Pin<Box<Sleep>>,
    flaw: Arc<OnceLock<Flaw>>,
    visit: Arc<Visit>,
}

/// What is wrong with a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    TooLarge,
    /// Together with the other bodies of the moment.
    NoRoom,
    TooSlow,
    /// It broke off, or its framing is broken.
    Broken,
}

impl Inbound {
    /// What comes in takes its bytes from the room, which is whole again when the last who holds it lets it go.
    pub(super) fn new(
        incoming: Incoming,
        limits: &Limits,
        room: Arc<Slot>,
        flaw: Arc<OnceLock<Flaw>>,
        visit: Arc<Visit>,
    ) -> Self {
        let deadline = Box::pin(sleep_until(Instant::now() + limits.body));
        Self { incoming, left: limits.body_bytes, room, deadline, flaw, visit }
    }

    fn failed<T>(&self, flaw: Flaw) -> Poll<Option<Result<T, Flaw>>> {
        Poll::Ready(Some(Err(*self.flaw.get_or_init(|| flaw))))
    }
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = Flaw;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Flaw>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.deadline.as_mut().poll(cx));
            return self.failed(Flaw::TooSlow);
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return self.failed(Flaw::Broken),
            None => return Poll::Ready(None),
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return self.failed(Flaw::TooLarge),
        }
        if length > 0 && self.room.grow(length).is_err() {
            return self.failed(Flaw::NoRoom);
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if !self.incoming.is_end_stream() {
            self.visit.left_unread();
        }
    }
}

impl Flaw {
    pub(super) fn refusal(self, limits: &Limits) -> Refusal {
        match self {
            Flaw::TooLarge => Refusal::BodyTooLarge { limit: limits.body_bytes as u64 },
            Flaw::NoRoom => Refusal::Overloaded { retry_after: RETRY },
            Flaw::TooSlow => Refusal::Timeout,
            Flaw::Broken => Refusal::BodyBroken,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::TooLarge => "the body is too long",
            Flaw::NoRoom => "the bodies of this moment are too long together",
            Flaw::TooSlow => "the body took too long",
            Flaw::Broken => "the body is unreadable",
        })
    }
}

impl Error for Flaw {}

/// An answer's body, in small pieces: HTTP/2 takes the next piece only when the client has made room for it, so that
/// a client that does not read costs one piece of memory, and its request runs until a deadline ends it.
pub(super) struct Outbound {
    body: Body,
    rest: Bytes,
    _visit: Arc<Visit>,
}

impl Outbound {
    pub(super) fn new(body: Body, visit: Arc<Visit>) -> Self {
        Self { body, rest: Bytes::new(), _visit: visit }
    }
}

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let count = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(count)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

/// A frame of HTTP/2.
const PIECE: usize = 16 * 1024;

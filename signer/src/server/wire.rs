//! The bytes of a connection, with an eye on both directions.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::activity::Activity;

/// A connected socket, whatever it is.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Gives back first what was read to see which protocol it is; fails where the other end does not take, within a time,
/// what is ready to be sent.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    activity: Arc<Activity>,
    ahead: Vec<u8>,
    stall: Duration,
    /// Runs from the first write that had to wait until everything is flushed, so that a trickle does not pass.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is certain, and no further than HTTP/2's preface.
///
/// # Errors
/// Those of the stream, and where it ends before.
pub(super) async fn sniff(stream: &mut Box<dyn Duplex>, ahead: &mut Vec<u8>) -> io::Result<Protocol> {
    while PREFACE.starts_with(ahead) && ahead.len() < PREFACE.len() {
        let room = (PREFACE.len() - ahead.len()) as u64;
        if stream.take(room).read_buf(ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(if ahead == PREFACE { Protocol::Http2 } else { Protocol::Http1 })
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Duplex>, ahead: Vec<u8>, activity: Arc<Activity>, stall: Duration) -> Self {
        activity.heard();
        Self { stream, activity, ahead, stall, stalled: None }
    }

    fn waited<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_pending() {
            let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.stall)));
            ready!(stalled.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        wrote
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(into.remaining());
            into.put_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        if into.filled().len() > before {
            self.activity.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.waited(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.waited(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.waited(cx, flushed))?;
        self.stalled = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.waited(cx, shut)
    }
}

/// How every HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_a_trickle_is_cut_off_all_the_same() {
        let (ours, mut theirs) = duplex(64);
        let stall = Duration::from_secs(10);
        let mut wire = Wire::new(Box::new(ours), Vec::new(), Activity::new(true), stall);
        let trickle = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let written = async {
            wire.write_all(&[0; 1000]).await?;
            wire.flush().await
        };
        let error = tokio::select! { result = written => result.unwrap_err(), () = trickle => unreachable!() };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_read_again() {
        for (sent, protocol) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], Protocol::Http1), (PREFACE, Protocol::Http2)] {
            let (ours, mut theirs) = duplex(64);
            theirs.write_all(sent).await.unwrap();
            drop(theirs);
            let mut stream: Box<dyn Duplex> = Box::new(ours);
            let mut ahead = Vec::new();
            assert_eq!(sniff(&mut stream, &mut ahead).await.unwrap(), protocol);
            let mut wire = Wire::new(stream, ahead, Activity::new(true), Duration::ZERO);
            let mut read = Vec::new();
            wire.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, sent);
        }
    }
}

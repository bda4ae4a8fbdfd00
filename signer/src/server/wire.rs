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

/// Gives back first what was read to see which protocol it is; fails where the other end does not take what is ready to
/// be sent: all of it or [`ENOUGH`], each time within the same time.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    activity: Arc<Activity>,
    ahead: Vec<u8>,
    stall: Duration,
    waiting: Option<Waiting>,
}

/// From a write that had to wait until there was progress that counts, so that a trickle does not pass.
struct Waiting {
    until: Pin<Box<Sleep>>,
    written: usize,
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
        Self { stream, activity, ahead, stall, waiting: None }
    }

    /// Fails a step that has to wait where it has waited too long.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, step: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if step.is_pending() {
            let stall = self.stall;
            let begin = || Waiting { until: Box::pin(sleep(stall)), written: 0 };
            ready!(self.waiting.get_or_insert_with(begin).until.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        step
    }

    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let count = ready!(self.patiently(cx, written))?;
        self.waiting = self.waiting.take().map(|it| Waiting { written: it.written + count, ..it });
        self.waiting.take_if(|it| it.written >= ENOUGH);
        Poll::Ready(Ok(count))
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
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.patiently(cx, flushed))?;
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.patiently(cx, shut)
    }
}

/// Progress that counts. A long answer may never be flushed as a whole, as there is always more of it.
const ENOUGH: usize = 64 * 1024;

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

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_slow_but_steady_gets_a_long_answer() {
        let (ours, mut theirs) = duplex(64);
        let stall = Duration::from_secs(10);
        let mut wire = Wire::new(Box::new(ours), Vec::new(), Activity::new(true), stall);
        let reading = tokio::spawn(async move {
            let mut read = [0; ENOUGH / 8];
            while theirs.read_exact(&mut read).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        wire.write_all(&[0; ENOUGH * 8]).await.unwrap();
        drop(wire);
        reading.await.unwrap();
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

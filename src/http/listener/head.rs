//! A request's head as it came, for what hyper forgives and a proxy in front may read otherwise: two
//! lengths, a length beside a transfer coding, a line that ends in LF alone, and a request that was
//! sent before the last one was answered. Two readers that disagree on where a request ends are how
//! one is smuggled in (RFC 9112 §11.2), so none of these is answered but with 400.
//!
//! Parses nothing else: what it lets pass, hyper judges.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The greatest header section of a request, its target included.
pub(super) const LARGEST: usize = 64 * 1024;

/// The head of the request that a connection is at.
#[derive(Debug, Clone, Default)]
pub(super) struct Head(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    bytes: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    /// What comes belongs to the head.
    #[default]
    Head,
    /// The head is there; what comes is its body, or comes too early.
    Whole,
    /// HTTP/2 has lengths of its own.
    Frames,
}

impl Head {
    /// Whether the request that hyper has just read may be answered.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, version: Version) -> Result<(), &'static str> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version >= Version::HTTP_2 {
            *reading = Reading { bytes: Vec::new(), stage: Stage::Frames };
            return Ok(());
        }
        if reading.stage != Stage::Whole {
            return Err("it was sent before the last one was answered");
        }
        // Given back at once: a connection that is kept open holds no head.
        check(&std::mem::take(&mut reading.bytes))
    }

    /// The request is answered: what comes now is the next one's head.
    pub fn next(&self) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.stage != Stage::Frames {
            reading.bytes.clear();
            reading.stage = Stage::Head;
        }
    }

    fn saw(&self, bytes: &[u8]) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // hyper refuses a longer head by itself.
        if reading.stage != Stage::Head || reading.bytes.len() > LARGEST {
            return;
        }
        let before = reading.bytes.len();
        reading.bytes.extend_from_slice(bytes);
        if let Some(end) = end(&reading.bytes, before) {
            reading.bytes.truncate(end);
            reading.stage = Stage::Whole;
        }
    }
}

/// Where the empty line ends that ends the head; `from` is how far it has been looked for.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let start = from.saturating_sub(2);
    let tail = bytes.get(start..)?;
    (0..tail.len()).find_map(|at| {
        let rest = tail.get(at..)?;
        let length = if rest.starts_with(b"\n\r\n") {
            3
        } else if rest.starts_with(b"\n\n") {
            2
        } else {
            return None;
        };
        Some(start + at + length)
    })
}

fn check(head: &[u8]) -> Result<(), &'static str> {
    let (mut lines_with_text, mut lengths, mut codings) = (0, 0, 0);
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // Behind the last LF there is nothing.
        if lines.peek().is_none() && line.is_empty() {
            break;
        }
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err("a line ends in LF alone");
        };
        if line.contains(&b'\r') {
            return Err("a line has a CR in it");
        }
        lines_with_text += usize::from(!line.is_empty());
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
        codings += usize::from(name.eq_ignore_ascii_case(b"transfer-encoding"));
    }
    // hyper skips empty lines in front, and what comes behind them hasn't been looked at.
    if lines_with_text == 0 {
        return Err("it begins with empty lines");
    }
    match (lengths, codings) {
        (0, 0 | 1) | (1, 0) => Ok(()),
        (0, _) => Err("it has two Transfer-Encodings"),
        (_, 0) => Err("it has two Content-Lengths"),
        _ => Err("it has a Content-Length beside a Transfer-Encoding"),
    }
}

/// A stream whose reader is looked over the shoulder.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub stream: S,
    pub head: Head,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.head.saw(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pieces: &[&[u8]]) -> Result<(), &'static str> {
        let head = Head::default();
        for piece in pieces {
            head.saw(piece);
        }
        head.judge(Version::HTTP_11)
    }

    #[test]
    fn an_ordinary_request_passes_however_it_is_cut() {
        let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n\n\n\n";
        for cut in 0..request.len() {
            let (one, two) = request.split_at(cut);
            // Hyper asks only once it has the whole head.
            assert_eq!(judged(&[one, two]), Ok(()), "{cut}");
        }
        assert_eq!(judged(&[b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]), Ok(()));
        assert_eq!(judged(&[b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"]), Ok(()));
    }

    #[test]
    fn what_two_readers_read_differently_is_refused() {
        for head in [
            "GET / HTTP/1.1\nhost: a\n\n",
            "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\rx: y\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
        ] {
            assert!(judged(&[head.as_bytes()]).is_err(), "{head:?}");
        }
    }

    #[test]
    fn a_request_that_came_too_early_has_no_head() {
        let head = Head::default();
        head.saw(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        assert_eq!(head.judge(Version::HTTP_11), Ok(()));
        head.next();
        assert!(head.judge(Version::HTTP_11).is_err());
        head.saw(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(head.judge(Version::HTTP_11), Ok(()));
    }

    #[test]
    fn http_2_has_frames() {
        let head = Head::default();
        head.saw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert_eq!(head.judge(Version::HTTP_2), Ok(()));
        head.next();
        assert_eq!(head.judge(Version::HTTP_2), Ok(()));
    }
}

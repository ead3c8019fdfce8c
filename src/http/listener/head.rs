//! A request's head as it came, for what hyper forgives and a proxy in front may read otherwise: two
//! lengths, a length beside a transfer coding, no Host or two, a line that ends in LF alone, and a
//! request that was sent before the last one was answered. Two readers that disagree on where a request
//! ends are how one is smuggled in (RFC 9112 §11.2), so none of these is answered but with 400.
//!
//! Parses nothing else: what it lets pass, hyper judges. What hyper can't read it answers by itself, with
//! 400 and an empty body: on its way out that becomes an error that says what is wrong ([`Watched`]).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scim;

/// The greatest header section of a request, its target included.
pub(super) const LARGEST: usize = 64 * 1024;

/// The head of the request that a connection is at.
#[derive(Debug, Clone, Default)]
pub(super) struct Head(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    bytes: Vec<u8>,
    stage: Stage,
    /// Whether hyper could read it and asked for an answer.
    asked: bool,
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

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Two readers could read it differently.
    Malformed(&'static str),
    /// Its body is in a coding that isn't understood (RFC 9112 §6.1).
    Coding,
}

impl Wrong {
    /// The status that answers it.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Coding => 501,
        }
    }
}

/// The status that refuses these bytes as a head of HTTP/1.1; `None` where they are let pass.
pub fn judge(head: &[u8]) -> Option<u16> {
    check(head, Version::HTTP_11).err().map(Wrong::status)
}

impl Head {
    /// Whether the request that hyper has just read may be answered.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, version: Version) -> Result<(), Wrong> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if version >= Version::HTTP_2 {
            *reading = Reading { bytes: Vec::new(), stage: Stage::Frames, asked: true };
            return Ok(());
        }
        reading.asked = true;
        if reading.stage != Stage::Whole {
            return Err(Wrong::Malformed("it was sent before the last one was answered"));
        }
        // Given back at once: a connection that is kept open holds no head.
        check(&std::mem::take(&mut reading.bytes), version)
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
        reading.asked &= before > 0;
        reading.bytes.extend_from_slice(bytes);
        if let Some(end) = end(&reading.bytes, before) {
            reading.bytes.truncate(end);
            reading.stage = Stage::Whole;
        }
    }
}

impl Head {
    /// The answer in place of hyper's own to a head that it couldn't read, where `bytes` begin that.
    fn instead_of(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if !bytes.starts_with(b"HTTP/1.1 400 ") {
            return None;
        }
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.asked || reading.stage == Stage::Frames {
            return None;
        }
        if check_coding(&reading.bytes) {
            return Some(answer(Wrong::Coding.status(), CODING));
        }
        let line = reading.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let raw = line.iter().any(|byte| matches!(byte, b'"' | b'<' | b'>') || !byte.is_ascii());
        let detail = if raw {
            "The URL holds a character that must be percent-encoded: a quote is %22, < is %3C, > is %3E, \
             and what isn't ASCII its bytes of UTF-8."
        } else {
            "The request can't be read as HTTP: its first line or one of its headers is malformed."
        };
        tracing::info!(detail, "a request that can't be read was answered 400");
        Some(answer(400, detail))
    }
}

const CODING: &str =
    "The request's body is in a transfer coding that is not supported: send it plain or chunked.";

/// Of what hyper refuses by itself: a coding that is known to everybody but isn't read here, where
/// nothing else says how long the body is.
fn check_coding(head: &[u8]) -> bool {
    let known = |name: &[u8]| {
        ["gzip", "x-gzip", "deflate", "compress", "x-compress"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    };
    let mut lines = head.split(|byte| *byte == b'\n').filter_map(field);
    let codings = lines.find(|(name, _)| name.eq_ignore_ascii_case(b"transfer-encoding"));
    codings.is_some_and(|(_, value)| {
        value.split(|byte| *byte == b',').any(|name| known(name.trim_ascii()))
    })
}

/// An answer in place of hyper's, and the end of the connection.
fn answer(status: u16, detail: &str) -> Vec<u8> {
    let error = scim::Error { status, scim_type: None, detail: detail.to_owned() };
    let error = if status == 400 { scim::Error::invalid_syntax(detail) } else { error };
    let body = error.to_body().to_string();
    let reason = if status == 400 { "Bad Request" } else { "Not Implemented" };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: application/scim+json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
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

fn check(head: &[u8], version: Version) -> Result<(), Wrong> {
    let malformed = |why| Err(Wrong::Malformed(why));
    let (mut lines_with_text, mut lengths, mut codings, mut hosts) = (0, 0, 0, 0);
    let mut coded = false;
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // Behind the last LF there is nothing.
        if lines.peek().is_none() && line.is_empty() {
            break;
        }
        let Some(line) = line.strip_suffix(b"\r") else {
            return malformed("a line ends in LF alone");
        };
        if line.contains(&b'\r') {
            return malformed("a line has a CR in it");
        }
        lines_with_text += usize::from(!line.is_empty());
        let Some((name, value)) = field(line) else { continue };
        lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
        hosts += usize::from(name.eq_ignore_ascii_case(b"host"));
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            codings += 1;
            coded |= is_coded(value);
        }
    }
    // hyper skips empty lines in front, and what comes behind them hasn't been looked at.
    if lines_with_text == 0 {
        return malformed("it begins with empty lines");
    }
    match (lengths, codings) {
        (0, 0 | 1) | (1, 0) => {}
        (0, _) => return malformed("it has two Transfer-Encodings"),
        (_, 0) => return malformed("it has two Content-Lengths"),
        _ => return malformed("it has a Content-Length beside a Transfer-Encoding"),
    }
    if coded {
        return Err(Wrong::Coding);
    }
    // RFC 9112 §3.2. HTTP/1.0 knows no Host.
    match hosts {
        1 => Ok(()),
        0 if version < Version::HTTP_11 => Ok(()),
        0 => malformed("it has no Host"),
        _ => malformed("it has two Hosts"),
    }
}

/// A header's name and value.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((line.get(..colon)?, line.get(colon + 1..)?))
}

/// Whether a Transfer-Encoding names a coding besides `chunked`.
fn is_coded(value: &[u8]) -> bool {
    let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    names.any(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"chunked"))
}

/// A stream whose reader is looked over the shoulder.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    head: Head,
    /// What is written in place of hyper's answer, and how much of it is.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Watched<S> {
    pub fn new(stream: S, head: Head) -> Self {
        Self { stream, head, instead: None }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// Writes the answer that takes the place of `bytes`, whole, where one does.
    fn poll_instead(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Option<io::Result<()>>> {
        if self.instead.is_none() {
            self.instead = self.head.instead_of(bytes).map(|answer| (answer, 0));
        }
        let Some((answer, written)) = &mut self.instead else { return Poll::Ready(None) };
        while let Some(rest) = answer.get(*written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::WriteZero.into()))),
                Ok(more) => *written += more,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(Some(Ok(())))
    }
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
        if let Some(done) = ready!(self.poll_instead(context, bytes)) {
            return Poll::Ready(done.map(|()| bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.first().map(|slice| &**slice).unwrap_or_default();
        if let Some(done) = ready!(self.poll_instead(context, first)) {
            return Poll::Ready(done.map(|()| slices.iter().map(|slice| slice.len()).sum()));
        }
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

    fn judged(pieces: &[&[u8]]) -> Result<(), Wrong> {
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
        assert_eq!(
            judged(&[b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"]),
            Ok(())
        );
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
    fn one_host_and_no_coding_but_chunked() {
        let of = |headers: &str| judged(&[format!("POST / HTTP/1.1\r\n{headers}\r\n").as_bytes()]);
        assert_eq!(of("Host: a\r\n"), Ok(()));
        for hosts in ["", "Host: a\r\nhost: a\r\n"] {
            assert!(matches!(of(hosts), Err(Wrong::Malformed(_))), "{hosts}");
        }
        assert_eq!(of("Host: a\r\nTransfer-Encoding: CHUNKED\r\n"), Ok(()));
        assert_eq!(of("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n"), Err(Wrong::Coding));
        let old = Head::default();
        old.saw(b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(old.judge(Version::HTTP_10), Ok(()));
    }

    #[test]
    fn a_request_that_came_too_early_has_no_head() {
        let head = Head::default();
        head.saw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        assert_eq!(head.judge(Version::HTTP_11), Ok(()));
        head.next();
        assert!(head.judge(Version::HTTP_11).is_err());
        head.saw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
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

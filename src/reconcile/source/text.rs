//! The bytes of an export as UTF-8 text, checked on the way: its encoding, its byte order mark, its
//! lines.
//!
//! Knows no format. Holds one piece of the file at a time.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::error::{Error, Kind};

const PIECE: u64 = 64 * 1024;

/// A reader of checked UTF-8, without byte order mark. What is wrong with the bytes comes as an IO
/// error that holds an [`Error`].
pub(super) struct Text<R> {
    input: R,
    piece: Vec<u8>,
    /// How much of the piece is checked.
    checked: usize,
    /// How much of it was read.
    read: usize,
    rest: Rest,
    line: Line,
}

/// What follows the checked bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Start,
    More,
    Wrong,
    Nothing,
}

/// The line that a [`Text`] has been read up to; shared, as parsers keep their reader to themselves.
#[derive(Clone)]
pub(super) struct Line(Rc<Cell<usize>>);

impl Line {
    pub(super) fn now(&self) -> usize {
        self.0.get()
    }
}

impl<R: Read> Text<R> {
    pub(super) fn new(input: R) -> Self {
        let line = Line(Rc::new(Cell::new(1)));
        Self { input, piece: Vec::new(), checked: 0, read: 0, rest: Rest::Start, line }
    }

    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }

    /// The text to come, as far as it is at hand; empty at the end alone.
    pub(super) fn peek(&mut self) -> io::Result<&str> {
        let line = self.line.now();
        std::str::from_utf8(self.ready()?).map_err(|_| wrong(line, Kind::NotUtf8))
    }

    fn ready(&mut self) -> io::Result<&[u8]> {
        if self.read == self.checked {
            self.next_piece()?;
        }
        Ok(self.piece.get(self.read..self.checked).unwrap_or_default())
    }

    fn next_piece(&mut self) -> io::Result<()> {
        match self.rest {
            Rest::Nothing => return Ok(()),
            Rest::Wrong => return Err(wrong(self.line.now(), Kind::NotUtf8)),
            Rest::Start | Rest::More => {}
        }
        // A character that the piece cut in two begins the next.
        self.piece.drain(..self.read);
        let got = (&mut self.input).take(PIECE).read_to_end(&mut self.piece)?;
        if self.rest == Rest::Start {
            self.byte_order_mark()?;
        }
        let (checked, wrong) = match std::str::from_utf8(&self.piece) {
            Ok(text) => (text.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        };
        let last = u64::try_from(got).is_ok_and(|got| got < PIECE);
        (self.read, self.checked) = (0, checked);
        self.rest = match (wrong, last) {
            (false, false) => Rest::More,
            (false, true) if checked == self.piece.len() => Rest::Nothing,
            (true, _) | (false, true) => Rest::Wrong,
        };
        if self.checked == 0 { self.next_piece() } else { Ok(()) }
    }

    fn byte_order_mark(&mut self) -> io::Result<()> {
        match self.piece.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => {
                self.piece.drain(..3);
                Ok(())
            }
            // Without a mark, the other half of an ASCII character is zero.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => {
                Err(wrong(self.line.now(), Kind::Utf16))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(line: usize, kind: Kind) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Error::new(line, kind))
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.ready()?;
        let before = ready;
        let count = ready.read(buffer)?;
        let lines = before.iter().take(count).filter(|byte| **byte == b'\n').count();
        self.line.0.set(self.line.now() + lines);
        self.read += count;
        Ok(count)
    }
}

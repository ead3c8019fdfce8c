//! Rows of dynamic statements: what the three drivers hand back, decoded into cells.
//!
//! Knows nothing of SCIM, nor which statement a row came from.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diesel::backend::Backend;
use diesel::data_types::PgNumeric;
use diesel::deserialize::{FromSql, QueryableByName, Result as Decoded};
use diesel::mysql::{Mysql, MysqlType, MysqlValue};
use diesel::pg::{Pg, PgValue};
use diesel::row::{Field, NamedRow, Row as Row_};
use diesel::sql_types as types;
use diesel::sqlite::{Sqlite, SqliteType};

use crate::mapper::Cell;

/// One row, by position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row(pub Vec<Cell>);

impl Row {
    /// The cell at `index`; NULL past the end, which no statement of this crate asks for.
    pub fn cell(&self, index: usize) -> &Cell {
        self.0.get(index).unwrap_or(&Cell::Null)
    }

    /// The text at `index`, or `None` for NULL.
    pub fn text(&self, index: usize) -> Option<String> {
        self.cell(index).to_text()
    }

    /// The whole number at `index`; zero for NULL.
    pub fn int(&self, index: usize) -> i64 {
        self.cell(index).to_int().unwrap_or_default()
    }

    /// The time at `index`, or `None` for NULL.
    pub fn time(&self, index: usize) -> Option<NaiveDateTime> {
        self.cell(index).to_time()
    }
}

/// What a backend must offer for its values to become cells.
pub(super) trait Decode: Backend {
    fn decode(value: Self::RawValue<'_>) -> Decoded<Cell>;
}

impl<DB: Decode> QueryableByName<DB> for Row {
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> Decoded<Self> {
        // Collected, the cells of each of a run's millions of rows would move as they become more.
        let mut cells = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = Row_::get(row, index).ok_or("a row ended early")?;
            cells.push(field.value().map_or(Ok(Cell::Null), DB::decode)?);
        }
        Ok(Self(cells))
    }
}

/// Type object ids of PostgreSQL's `pg_type`, fixed since its first release.
mod oid {
    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const OID: u32 = 26;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const BPCHAR: u32 = 1042;
    pub const DATE: u32 = 1082;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const NUMERIC: u32 = 1700;
    pub const UUID: u32 = 2950;
}

impl Decode for Pg {
    fn decode(value: PgValue<'_>) -> Decoded<Cell> {
        Ok(match value.get_oid().get() {
            oid::BOOL => Cell::Bool(<bool as FromSql<types::Bool, Pg>>::from_sql(value)?),
            oid::INT2 => Cell::Int(<i16 as FromSql<types::SmallInt, Pg>>::from_sql(value)?.into()),
            oid::INT4 => Cell::Int(<i32 as FromSql<types::Integer, Pg>>::from_sql(value)?.into()),
            oid::OID => Cell::Int(<u32 as FromSql<types::Oid, Pg>>::from_sql(value)?.into()),
            oid::INT8 => Cell::Int(<i64 as FromSql<types::BigInt, Pg>>::from_sql(value)?),
            oid::FLOAT4 => {
                Cell::Number(<f32 as FromSql<types::Float, Pg>>::from_sql(value)?.into())
            }
            oid::FLOAT8 => Cell::Number(<f64 as FromSql<types::Double, Pg>>::from_sql(value)?),
            oid::TIMESTAMP => {
                time(<NaiveDateTime as FromSql<types::Timestamp, Pg>>::from_sql(value))
            }
            oid::TIMESTAMPTZ => {
                time(<NaiveDateTime as FromSql<types::Timestamptz, Pg>>::from_sql(value))
            }
            oid::DATE => {
                time(<NaiveDate as FromSql<types::Date, Pg>>::from_sql(value).map(midnight))
            }
            oid::NUMERIC => {
                Cell::Text(decimal(&<PgNumeric as FromSql<types::Numeric, Pg>>::from_sql(value)?))
            }
            oid::UUID => Cell::Text(uuid::Uuid::from_slice(value.as_bytes())?.to_string()),
            oid::BYTEA => Cell::Bytes(value.as_bytes().to_vec()),
            // `char(n)` comes padded to its length.
            oid::BPCHAR => {
                Cell::Text(std::str::from_utf8(value.as_bytes())?.trim_end_matches(' ').to_owned())
            }
            // text, varchar, name, enums, citext, json: their binary form is their text.
            _ => Cell::Text(std::str::from_utf8(value.as_bytes())?.to_owned()),
        })
    }
}

impl Decode for Mysql {
    fn decode(value: MysqlValue<'_>) -> Decoded<Cell> {
        Ok(match value.value_type() {
            MysqlType::Tiny | MysqlType::Short | MysqlType::Long | MysqlType::LongLong => {
                Cell::Int(<i64 as FromSql<types::BigInt, Mysql>>::from_sql(value)?)
            }
            MysqlType::UnsignedTiny
            | MysqlType::UnsignedShort
            | MysqlType::UnsignedLong
            | MysqlType::UnsignedLongLong => {
                let unsigned: u64 =
                    FromSql::<types::Unsigned<types::BigInt>, Mysql>::from_sql(value)?;
                Cell::Int(i64::try_from(unsigned)?)
            }
            MysqlType::Float => {
                Cell::Number(<f32 as FromSql<types::Float, Mysql>>::from_sql(value)?.into())
            }
            MysqlType::Double => {
                Cell::Number(<f64 as FromSql<types::Double, Mysql>>::from_sql(value)?)
            }
            MysqlType::DateTime | MysqlType::Timestamp => {
                time(<NaiveDateTime as FromSql<types::Datetime, Mysql>>::from_sql(value))
            }
            MysqlType::Date => {
                time(<NaiveDate as FromSql<types::Date, Mysql>>::from_sql(value).map(midnight))
            }
            MysqlType::Bit => Cell::Int(
                value.as_bytes().iter().fold(0, |number, byte| (number << 8) | i64::from(*byte)),
            ),
            // Text of a binary character set comes as a blob that holds UTF-8.
            _ => match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => Cell::Text(text.to_owned()),
                Err(_) => Cell::Bytes(value.as_bytes().to_vec()),
            },
        })
    }
}

impl Decode for Sqlite {
    fn decode(value: <Sqlite as Backend>::RawValue<'_>) -> Decoded<Cell> {
        Ok(match value.value_type() {
            None => Cell::Null,
            Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                Cell::Int(<i64 as FromSql<types::BigInt, Sqlite>>::from_sql(value)?)
            }
            Some(SqliteType::Float | SqliteType::Double) => {
                Cell::Number(<f64 as FromSql<types::Double, Sqlite>>::from_sql(value)?)
            }
            Some(SqliteType::Text) => {
                Cell::Text(<String as FromSql<types::Text, Sqlite>>::from_sql(value)?)
            }
            Some(SqliteType::Binary) => {
                Cell::Bytes(<Vec<u8> as FromSql<types::Binary, Sqlite>>::from_sql(value)?)
            }
        })
    }
}

/// A decimal as PostgreSQL writes it, with the places that its column has: groups of four digits
/// come, the first of them `weight` groups before the point.
fn decimal(number: &PgNumeric) -> String {
    let (sign, weight, scale, digits) = match number {
        PgNumeric::NaN => return "NaN".to_owned(),
        PgNumeric::Positive { weight, scale, digits } => ("", *weight, *scale, digits),
        PgNumeric::Negative { weight, scale, digits } => ("-", *weight, *scale, digits),
    };
    let group = |at: i16| {
        let at = usize::try_from(weight - at).ok();
        at.and_then(|at| digits.get(at)).copied().unwrap_or_default()
    };
    let whole: String = (0..=weight.max(0)).rev().map(|at| format!("{:04}", group(at))).collect();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let places = usize::from(scale);
    let groups = i16::try_from(places.div_ceil(4)).unwrap_or(i16::MAX);
    let part: String = (1..=groups).map(|at| format!("{:04}", group(-at))).collect();
    match part.get(..places) {
        Some(part) if places > 0 => format!("{sign}{whole}.{part}"),
        _ => format!("{sign}{whole}"),
    }
}

/// A time; what is none (a zero date, infinity) says nothing. A column of the sidecar's that takes no NULL
/// then fails to decode, as it should.
fn time(decoded: Decoded<NaiveDateTime>) -> Cell {
    decoded.map_or(Cell::Null, Cell::Time)
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_postgres_writes_them() {
        let positive = |weight, scale, digits: &[i16]| PgNumeric::Positive {
            weight,
            scale,
            digits: digits.to_vec(),
        };
        for (number, text) in [
            (positive(0, 2, &[12, 5000]), "12.50"),
            (positive(0, 0, &[42]), "42"),
            (positive(1, 0, &[1]), "10000"),
            (positive(2, 1, &[1, 0, 7, 5000]), "100000007.5"),
            (positive(-1, 2, &[500]), "0.05"),
            (positive(-2, 6, &[1200]), "0.000012"),
            (positive(0, 2, &[]), "0.00"),
            (PgNumeric::Negative { weight: 0, scale: 1, digits: vec![3, 5000] }, "-3.5"),
            (PgNumeric::NaN, "NaN"),
        ] {
            assert_eq!(decimal(&number), text);
        }
    }
}

//! Tests of the profile's language.

use super::model::{Delete, Encoding, Missing, Other, Scalar, TableName};
use super::{builtin, load, parse, print};

mod parse_errors;

#[test]
fn builtin_parses_and_prints_back() {
    let profile = load("kpifire").unwrap();
    let printed = print(&profile);
    assert_eq!(parse("kpifire", &printed).unwrap(), profile);
}

//! Every format of the reports in [`fixture`], as a reader gets it, and what must hold for any.

use crate as kpifire_scim;

pub(crate) mod fixture;
mod formats;
mod html;
mod mask;
mod properties;
mod text;

//! `status`: how things stand, on one screen.

use super::context;
use super::error::Error;
use super::globals::Globals;

/// Prints it.
///
/// # Errors
/// 64 for the configuration; 1 for the database.
pub fn run(globals: &Globals) -> Result<(), Error> {
    context::block_on(async {
        let (_, store) = context::open(globals).await?;
        let _status = crate::service::status(&store, chrono::Utc::now())
            .await
            .map_err(|error| Error::failed("the status can't be read", error))?;
        Ok(())
    })
}

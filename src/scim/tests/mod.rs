//! Tests of the SCIM room, one file per concept.

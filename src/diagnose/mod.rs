//! (skeleton)

pub mod catalogue;

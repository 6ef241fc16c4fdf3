//! The model by itself: what each part of the controller does, properties of any run, and a second, literal bookkeeper.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod auditor;
mod controller;
mod dice;
mod properties;
mod unseen;
mod walk;

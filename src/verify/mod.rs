//! Compares the model with recordings of the real code.

pub mod kubelet;

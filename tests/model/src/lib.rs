//! Random sequences of operations on the whole application against a plain model.

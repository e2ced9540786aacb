//! Operation of the store: its keys.

mod instance_keys;

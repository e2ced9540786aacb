//! The driver on a real server, at the address `SKEP_TEST_POSTGRES_URL`.

#[cfg(test)]
mod connections;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod unreachable;
#[cfg(test)]
mod values;

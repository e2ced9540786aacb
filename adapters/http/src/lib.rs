//! The HTTP adapter: the server edge, problem documents and the API endpoints.

pub mod body;
pub mod edge;
pub mod problem;

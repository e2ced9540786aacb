use crate::Journey;
pub(crate) const JOURNEYS: &[Journey] = &[];
pub(crate) fn redis() -> Result<String, &'static str> { std::env::var("SKEP_TEST_REDIS_URL").map_err(|_| "SKEP_TEST_REDIS_URL") }

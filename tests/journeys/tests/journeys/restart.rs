use crate::Journey;
pub(crate) const JOURNEYS: &[Journey] = &[];

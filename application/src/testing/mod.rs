//! Doubles of every port.

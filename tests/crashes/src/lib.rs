//! Kills the server at random instants and checks what it acknowledged.

//! Ports that a server can have, and have again after it was killed.

use std::net::TcpListener;

use anyhow::{Result, bail};

use crate::checkout::random_hex;

/// A port of this machine that nobody uses and that no outgoing connection is given by chance.
///
/// # Errors
/// When none is found.
pub(crate) fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let number = u16::from_str_radix(&random_hex(2)?, 16)?;
        // Linux gives 32768 and above to outgoing connections: a server that is started again there may
        // find its port taken.
        let port = 16_000 + number % 16_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between 16000 and 32000 is free on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_stays_out_of_the_range_of_outgoing_connections() {
        let port = free_port().unwrap();
        assert!((16_000..32_000).contains(&port));
    }
}

//! Variables that Kubernetes adds to a container for each service of its namespace. A service called `skep-db` adds
//! `SKEP_DB_SERVICE_HOST` and others, which are no settings of ours.

use std::net::{IpAddr, SocketAddr};

/// Whether Kubernetes has made this variable. The name and the value must both fit, so that a misspelled setting is
/// still found: `SKEP_PORT=8080` is one, and `SKEP_PORT=tcp://10.0.0.1:80` is not.
pub(super) fn is_injected(name: &str, value: &str) -> bool {
    Injected::readings(name).any(|injected| injected.may_be(value))
}

/// A variable about a service: its name is that of the service, in capitals and with `_` for `-`, and one of these
/// endings.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Injected<'a> {
    /// `_SERVICE_HOST`: the address of the service.
    Host,
    /// `_SERVICE_PORT`, or `_SERVICE_PORT_HTTP` for a port with a name.
    Port,
    /// `_PORT`: the first port as `tcp://10.0.0.1:80`.
    Link,
    /// `_PORT_80_TCP`, and the same with `_PROTO`, `_PORT` and `_ADDR`.
    OfPort { number: u16, protocol: &'a str, part: Option<&'a str> },
}

impl<'a> Injected<'a> {
    /// The meanings that the name may have. A service may be named like a part of this grammar, such as
    /// `skep-service-port`, so every place is tried.
    fn readings(name: &'a str) -> impl Iterator<Item = Self> {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let places = name.match_indices('_').filter(move |_| name.bytes().all(is_plain));
        let rest = places.filter(|(at, _)| is_service(&name[..*at])).map(|(at, _)| &name[at..]);
        rest.filter_map(Self::after_the_service)
    }

    fn after_the_service(rest: &'a str) -> Option<Self> {
        match rest {
            "_SERVICE_HOST" => Some(Self::Host),
            "_SERVICE_PORT" => Some(Self::Port),
            "_PORT" => Some(Self::Link),
            _ => {
                let of_port = rest.strip_prefix("_PORT_").and_then(Self::of_port);
                of_port.or_else(|| {
                    let port = rest.strip_prefix("_SERVICE_PORT_")?;
                    // The name of a port has at most 15 characters.
                    (1..=15).contains(&port.len()).then_some(Self::Port)
                })
            }
        }
    }

    fn of_port(rest: &'a str) -> Option<Self> {
        let (number, rest) = rest.split_once('_')?;
        let (protocol, part) = rest.split_once('_').map_or((rest, None), |(protocol, part)| (protocol, Some(part)));
        let is_known = ["TCP", "UDP", "SCTP"].contains(&protocol)
            && part.is_none_or(|part| ["PROTO", "PORT", "ADDR"].contains(&part));
        is_known.then_some(Self::OfPort { number: port(number)?, protocol, part })
    }

    fn may_be(&self, value: &str) -> bool {
        match *self {
            Self::Host => value.parse::<IpAddr>().is_ok(),
            Self::Port => port(value).is_some(),
            Self::Link => link(value).is_some(),
            Self::OfPort { number, protocol, part } => match part {
                None => link(value).is_some_and(|(named, port)| named.eq_ignore_ascii_case(protocol) && port == number),
                Some("PROTO") => value == protocol.to_ascii_lowercase(),
                Some("PORT") => port(value) == Some(number),
                Some(_) => value.parse::<IpAddr>().is_ok(),
            },
        }
    }
}

/// A label of DNS in capitals: it begins with a letter, ends with a letter or a digit, and has at most 63 characters.
fn is_service(name: &str) -> bool {
    name.len() <= 63 && name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.ends_with('_')
}

/// A port as Kubernetes writes it, without a sign or leading zeros.
fn port(text: &str) -> Option<u16> {
    let port = text.parse().ok().filter(|port| *port > 0)?;
    (text == u16::to_string(&port)).then_some(port)
}

/// The protocol and the port of `tcp://10.0.0.1:80` or `udp://[fd00::1]:53`.
fn link(value: &str) -> Option<(&str, u16)> {
    let (protocol, address) = value.split_once("://")?;
    let address: SocketAddr = address.parse().ok()?;
    ["tcp", "udp", "sctp"].contains(&protocol).then_some((protocol, address.port())).filter(|(_, port)| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SETTINGS};
    use proptest::prelude::*;

    /// What kubelet adds for a service, in its order.
    fn variables(service: &str, address: IpAddr, ports: &[(&str, &str, u16)]) -> Vec<(String, String)> {
        let name = service.to_ascii_uppercase().replace('-', "_");
        let mut made = vec![(format!("{name}_SERVICE_HOST"), address.to_string())];
        let links = ports.iter().map(|(_, protocol, port)| {
            let url = format!("{}://{}", protocol.to_ascii_lowercase(), SocketAddr::new(address, *port));
            (*protocol, *port, url)
        });
        let links: Vec<_> = links.collect();
        made.push((format!("{name}_SERVICE_PORT"), ports[0].2.to_string()));
        for (port_name, _, port) in ports.iter().filter(|(port_name, ..)| !port_name.is_empty()) {
            let port_name = port_name.to_ascii_uppercase().replace('-', "_");
            made.push((format!("{name}_SERVICE_PORT_{port_name}"), port.to_string()));
        }
        made.push((format!("{name}_PORT"), links[0].2.clone()));
        for (protocol, port, url) in links {
            let prefix = format!("{name}_PORT_{port}_{protocol}");
            made.push((prefix.clone(), url));
            made.push((format!("{prefix}_PROTO"), protocol.to_ascii_lowercase()));
            made.push((format!("{prefix}_PORT"), port.to_string()));
            made.push((format!("{prefix}_ADDR"), address.to_string()));
        }
        made
    }

    proptest! {
        #[test]
        fn every_service_is_passed_over(
            service in "skep(-[a-z0-9]{1,9}){0,3}",
            port_name in "([a-z][a-z0-9]{0,6}(-[a-z0-9]{1,6})?)?",
            protocol in prop::sample::select(vec!["TCP", "UDP", "SCTP"]),
            port in 1_u16..,
            address in any::<IpAddr>(),
        ) {
            let variables = variables(&service, address, &[(&port_name, protocol, port), ("second", "UDP", 53)]);
            for (name, value) in &variables {
                prop_assert!(is_injected(name, value), "{name}={value}");
            }
            prop_assert!(Config::from_variables(variables).is_ok());
        }

        #[test]
        fn no_setting_can_be_taken_for_a_service(
            value in prop_oneof![
                any::<IpAddr>().prop_map(|address| address.to_string()),
                (1_u16..).prop_map(|port| port.to_string()),
                Just("tcp://10.0.0.1:80".to_owned()),
                Just("tcp".to_owned()),
            ],
        ) {
            for setting in SETTINGS.iter() {
                prop_assert_eq!(Injected::readings(setting.name).next(), None, "{}", setting.name);
                prop_assert!(!is_injected(setting.name, &value), "{}", setting.name);
            }
        }
    }

    #[test]
    fn services_named_like_settings_and_like_this_grammar_are_passed_over() {
        let address = IpAddr::from([10, 0, 0, 1]);
        for service in
            ["skep", "skep-hash", "skep-limit-user", "skep-port", "skep-service-port", "skep-port-80-tcp", "skep-x"]
        {
            let variables = variables(service, address, &[("http", "TCP", 80)]);
            assert!(Config::from_variables(variables).is_ok(), "{service}");
        }
    }

    #[test]
    fn slips_are_still_refused() {
        for (name, value) in [
            ("SKEP_PORT", "8080"),
            ("SKEP_PORT", "http://10.0.0.1:80"),
            ("SKEP_PORT", "tcp://skep:80"),
            ("SKEP_PORT", "tcp://10.0.0.1:0"),
            ("SKEP_HOST", "10.0.0.1"),
            ("SKEP_SERVICE_HOST", "skep.default.svc"),
            ("SKEP_SERVICE_HOST", ""),
            ("SKEP_SERVICE_PORT", "eighty"),
            ("SKEP_SERVICE_PORT", "080"),
            ("SKEP_SERVICE_PORT_", "80"),
            ("SKEP_SERVICE_PORT_A_VERY_LONG_NAME", "80"),
            ("SKEP_METRICS_PORT", "9464"),
            ("SKEP_PORT_80_TCP", "tcp://10.0.0.1:81"),
            ("SKEP_PORT_80_TCP", "udp://10.0.0.1:80"),
            ("SKEP_PORT_80_TCP_PROTO", "udp"),
            ("SKEP_PORT_80_TCP_PORT", "81"),
            ("SKEP_PORT_80_TCP_ADDR", "skep"),
            ("SKEP_PORT_80_TCP_NAME", "10.0.0.1"),
            ("SKEP_PORT_80_HTTP", "tcp://10.0.0.1:80"),
            ("SKEP_PORT_080_TCP", "tcp://10.0.0.1:80"),
            ("SKEP__SERVICE_HOST", "10.0.0.1"),
            ("SKEP_service_HOST", "10.0.0.1"),
            ("SKEP_TRUSTED_PROXY", "10.0.0.1"),
            ("SKEP_METRICS_ADDR", "127.0.0.1"),
        ] {
            assert!(!is_injected(name, value), "{name}={value}");
            assert!(Config::from_variables([(name.to_owned(), value.to_owned())]).is_err(), "{name}={value}");
        }
    }
}
